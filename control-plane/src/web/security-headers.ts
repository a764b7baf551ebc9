import type { MiddlewareHandler } from "hono";
import { INLINE_SCRIPT_HASH } from "./document.tsx";
import { showControls } from "./visible-controls.ts";

const POLICY = {
  "default-src": "'none'",
  "script-src": `'self' '${INLINE_SCRIPT_HASH}' 'wasm-unsafe-eval'`,
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

/** What no page uses; full screen, the screen's wake lock and WebXR are left to the viewer and to sending. */
const DENIED = ["camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb"];

/**
 * What protects a page: its policy, and that text of others shows the characters with which it would hide itself.
 *
 * @param embeddable whether other sites may show the page in a frame
 */
export function securityHeaders(embeddable: boolean): MiddlewareHandler {
  const policy = Object.entries({ ...POLICY, "frame-ancestors": embeddable ? "*" : "'none'" })
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");
  return async (c, next) => {
    await next();
    if (c.res.headers.get("content-type")?.startsWith("text/html"))
      c.res = new Response(showControls(await c.res.text()), c.res);
    c.header("content-security-policy", policy);
    // With no-referrer, browsers send forms with `Origin: null`.
    c.header("referrer-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
    c.header("cross-origin-opener-policy", "same-origin");
    c.header("permissions-policy", DENIED.map((feature) => `${feature}=()`).join(", "));
  };
}
