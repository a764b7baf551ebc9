import { isPublicApi } from "./served-paths.ts";

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
/** They have their own rules, since no key is sent there. */
export const OPEN_TO_ALL_SITES = /^\/(?:links|s)\//;

/**
 * The headers that let a page of another site read an answer of the API; `vary` adds to what is there.
 *
 * @param path null when the request could not be read, and may have been one to the API
 */
export function readableHeaders(
  setting: string | undefined,
  path: string | null,
  origin: string | undefined,
): { readonly vary?: string; readonly [name: string]: string } {
  if (path !== null && OPEN_TO_ALL_SITES.test(path)) return { "access-control-allow-origin": "*" };
  if (!setting || (path !== null && !isPublicApi(path))) return {};
  const allowed = allowedOrigin(setting, origin);
  return {
    vary: "Origin",
    ...(allowed !== null && {
      "access-control-allow-origin": allowed,
      "access-control-expose-headers": EXPOSED,
    }),
  };
}

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
