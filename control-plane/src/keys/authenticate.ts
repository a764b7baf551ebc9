import { WATCH_KEY_PREFIX } from "@splatt/shared";
import type { Context, MiddlewareHandler } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { guardCredentials } from "../http/guard-credentials.ts";
import { ApiError } from "../http/problem.ts";
import { sessionToken } from "../sessions/session-cookie.ts";
import { authenticateSession } from "../sessions/sessions.ts";
import { authenticateKey } from "./authenticate-key.ts";
import type { Principal } from "./principal.ts";
import { countRequest } from "./request-limit.ts";

/** Requires an API key, or the cookie of a session, and sets `principal` for the route. */
export const authenticate: MiddlewareHandler<ApiEnv> = async (c, next) => {
  if (!c.env.GPU_API_KEY) throw new ApiError("not_configured");
  const principal = await principalOf(c);
  if (principal === null) throw new ApiError("unauthorized");
  c.set("principal", principal);
  const limitHeaders = await countRequest(c.env, principal, Date.now());
  await next();
  for (const [name, value] of Object.entries(limitHeaders)) c.header(name, value);
};

async function principalOf(c: Context<ApiEnv>): Promise<Principal | null> {
  const key = sentKey(c) ?? keyOfSubprotocol(c);
  if (key !== undefined) {
    return guardCredentials(c, "API key", () => authenticateKey(c.env, key));
  }
  const session = sessionToken(c);
  if (session === undefined) return null;
  requireOwnOrigin(c);
  // An unknown session is an old one; nobody guesses 256 bits.
  return authenticateSession(c.env, session);
}

/**
 * The API key in the headers: `X-API-Key`, or `Authorization: Bearer`, for which tools have a field. With a session, a
 * bearer token is not ours: sign-in proxies add their own.
 */
export function sentKey(c: Context): string | undefined {
  const key = c.req.header("x-api-key");
  if (key !== undefined || sessionToken(c) !== undefined) return key;
  return /^bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

/** The key that a browser offers as a subprotocol, because it cannot set headers on a WebSocket. */
function keyOfSubprotocol(c: Context): string | undefined {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") return undefined;
  const offered = c.req.header("sec-websocket-protocol")?.split(/\s*,\s*/) ?? [];
  const encoded = offered.find((protocol) => protocol.startsWith(WATCH_KEY_PREFIX));
  if (encoded === undefined) return undefined;
  try {
    const base64 = encoded.slice(WATCH_KEY_PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return "";
  }
}

/**
 * A browser attaches the cookie to every request, so what changes something, or opens a WebSocket, must come from a
 * page of this site.
 *
 * @throws ApiError 403
 */
export function requireOwnOrigin(c: Context): void {
  const changes = !["GET", "HEAD"].includes(c.req.method) || c.req.header("upgrade") !== undefined;
  if (!changes) return;
  const origin = c.req.header("origin");
  if (origin === undefined || !isOwnOrigin(c, origin)) throw new ApiError("foreign_origin");
}

/** Only the host is compared: a proxy in front may speak TLS where this Worker sees none. */
export function isOwnOrigin(c: Context, origin: string): boolean {
  return URL.parse(origin)?.host === new URL(c.req.url).host;
}
