import type { MiddlewareHandler } from "hono";

const POLICY = {
  "default-src": "'none'",
  "script-src": "'self' 'wasm-unsafe-eval'",
  "style-src": "'self'",
  "img-src": "'self' blob: data:",
  "media-src": "'self' blob:",
  "font-src": "'self'",
  "connect-src": "'self'",
  "worker-src": "'self' blob:",
  "manifest-src": "'self'",
  "form-action": "'self'",
  "base-uri": "'none'",
};

/** @param embeddable whether other sites may show the page in a frame */
export function securityHeaders(embeddable: boolean): MiddlewareHandler {
  const policy = Object.entries({ ...POLICY, "frame-ancestors": embeddable ? "*" : "'none'" })
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");
  return async (c, next) => {
    await next();
    c.header("content-security-policy", policy);
    // With no-referrer, browsers send forms with `Origin: null`.
    c.header("referrer-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
    c.header("cross-origin-opener-policy", "same-origin");
    // Pages depend on the session, so no cache may keep them.
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  };
}
