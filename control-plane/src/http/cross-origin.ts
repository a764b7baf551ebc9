import { SHA256_HEADER } from "@splatt/shared";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { AppEnv } from "../app-env.ts";
import { isPublicApi } from "./served-paths.ts";

/**
 * For what works without a key: pages of any site may read it, because a link is a right by itself, and no cookie or
 * key goes with such a request.
 */
export const openToAllSites = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD"],
  exposeHeaders: [
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    SHA256_HEADER,
  ],
  maxAge: 24 * 3600,
});

/** What a page of another site may read of an answer, besides its body and the headers that every page may read. */
const EXPOSED = [
  "Accept-Ranges",
  "Allow",
  "Content-Disposition",
  "Content-Length",
  "Content-Range",
  "ETag",
  "Idempotency-Replayed",
  "Last-Modified",
  "Link",
  "Location",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "Tus-Checksum-Algorithm",
  "Tus-Extension",
  "Tus-Max-Size",
  "Tus-Resumable",
  "Tus-Version",
  "Upload-Defer-Length",
  "Upload-Expires",
  "Upload-Length",
  "Upload-Metadata",
  "Upload-Offset",
  "X-Content-SHA256",
  "X-Request-Id",
].join(", ");
/** Browsers keep a preflight's answer at most this long. */
const PREFLIGHT_SECONDS = "7200";
/** Names of header fields, and commas. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,2000}$/;
/** They have their own rules, since no key is sent there. */
const OPEN_TO_ALL_SITES = /^\/(?:links|s)\//;

/**
 * Lets the pages of the sites in `CORS_ORIGINS` use the API with a key, and read its refusals too. Never with
 * credentials: a session belongs to this site's own pages. So it is safe to allow every request header.
 *
 * @param methodsOf the methods that an endpoint at a path takes; none where there is no endpoint
 */
export function crossOrigin(methodsOf: (path: string) => readonly string[]): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { path, method } = c.req;
    if (!isPublicApi(path) || OPEN_TO_ALL_SITES.test(path)) return next();
    const origin = c.req.header("origin");
    const allowed = allowedOrigin(c.env.CORS_ORIGINS, origin);
    if (method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined) {
      const methods = methodsOf(path);
      if (methods.length === 0) return next();
      const answer = new Response(null, { status: 204, headers: { allow: methods.join(", "), vary: VARY } });
      if (allowed === null) return answer;
      answer.headers.set("access-control-allow-origin", allowed);
      answer.headers.set("access-control-allow-methods", methods.join(", "));
      const wanted = c.req.header("access-control-request-headers") ?? "";
      if (HEADER_NAMES.test(wanted)) answer.headers.set("access-control-allow-headers", wanted);
      answer.headers.set("access-control-max-age", PREFLIGHT_SECONDS);
      return answer;
    }
    await next();
    // The answer that opens a WebSocket cannot be copied, and no page reads it.
    if (!c.env.CORS_ORIGINS || c.res.status === 101) return;
    c.header("vary", "Origin", { append: true });
    if (allowed === null) return;
    c.header("access-control-allow-origin", allowed);
    c.header("access-control-expose-headers", EXPOSED);
  };
}

const VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/**
 * @param setting `*`, or origins separated by commas
 * @returns the value of Access-Control-Allow-Origin; null when the origin is not allowed
 */
export function allowedOrigin(setting: string | undefined, origin: string | undefined): string | null {
  if (!setting || origin === undefined) return null;
  const entries = setting.split(",").map((entry) => entry.trim());
  if (entries.includes("*")) return "*";
  // `null` is the origin of sandboxed pages of any site.
  const isListed = origin !== "null" && entries.some((entry) => URL.parse(entry)?.origin === origin);
  return isListed ? origin : null;
}
