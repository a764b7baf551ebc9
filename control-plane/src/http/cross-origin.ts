import { SHA256_HEADER } from "@splatt/shared";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { AppEnv } from "../app-env.ts";
import { allowedOrigin, OPEN_TO_ALL_SITES, readableHeaders } from "./cross-origin-headers.ts";
import { isPublicApi } from "./served-paths.ts";

/**
 * For what works without a key: pages of any site may read it, because the link itself grants access, and no cookie or
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

/** Browsers keep a preflight's answer at most this long. */
const PREFLIGHT_SECONDS = "7200";
/** Names of header fields, and commas. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,2000}$/;
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
    if (c.res.status === 101) return;
    const { vary, ...readable } = readableHeaders(c.env.CORS_ORIGINS, path, origin);
    if (vary !== undefined) c.header("vary", vary, { append: true });
    for (const [name, value] of Object.entries(readable)) c.header(name, value);
  };
}

const VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
