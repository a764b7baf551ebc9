import { SHA256_HEADER } from "@splatt/shared";
import type { ByteRange, ObjectBytes } from "../storage/object-bytes.ts";
import { evaluatePreconditions, rangeApplies } from "./preconditions.ts";
import { ApiError } from "./problem.ts";

/** An R2 object whose size and etag are known from D1 before it is touched. */
export interface StoredObject {
  readonly r2Key: string;
  /** Unquoted, as R2 gives it. */
  readonly etag: string;
  readonly size: number;
  readonly filename: string;
  readonly contentType: string;
  readonly sha256?: string | null;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

/** How a file is handed out; by default to the holder of a key, who saves it under its own name. */
export interface Presentation {
  /** The name under which a browser saves it. */
  readonly name?: string;
  /** Shown in the browser instead of saved. */
  readonly inline?: boolean;
  /** The Cache-Control directives that say who may keep it, and for how long. */
  readonly caching?: string;
  /** Pages of other sites may show it, also those that are isolated from other origins. */
  readonly anySite?: boolean;
}

/**
 * Answers a GET or HEAD with an object of R2: preconditions, `Range` and `If-Range` as in RFC 9110 §13 and §14.
 * R2 answers an unsatisfiable range with the whole object, so the range is computed here.
 *
 * @returns null when R2 no longer has the object
 */
export async function objectResponse(
  bytes: Pick<ObjectBytes, "send">,
  object: StoredObject,
  request: { readonly method: string; readonly headers: Headers },
  {
    name = object.filename,
    inline = false,
    caching = "private, no-cache",
    anySite = false,
  }: Presentation = {},
): Promise<Response | null> {
  const validators = { etag: `"${object.etag}"`, lastModified: object.lastModified };
  const headers = new Headers({
    "accept-ranges": "bytes",
    // A proxy that compressed the bytes would leave a strong ETag, and a Content-Range, that are no longer theirs.
    "cache-control": `${caching}, no-transform`,
    "content-disposition": contentDisposition(name, inline),
    "content-type": object.contentType,
    // Whatever an agent uploaded, a browser that opens it runs nothing and fetches nothing.
    "content-security-policy": "default-src 'none'; sandbox",
    etag: validators.etag,
    "last-modified": new Date(object.lastModified).toUTCString(),
    "x-content-type-options": "nosniff",
  });
  if (anySite) headers.set("cross-origin-resource-policy", "cross-origin");
  if (object.sha256 != null) headers.set(SHA256_HEADER, object.sha256);

  const outcome = evaluatePreconditions(request.headers, validators);
  if (outcome === "failed") throw new ApiError("precondition_failed");
  if (outcome === "not_modified") return new Response(null, { status: 304, headers });
  if (request.method === "HEAD") {
    headers.set("content-length", String(object.size));
    return new Response(null, { headers });
  }

  const range = rangeApplies(request.headers.get("if-range"), validators)
    ? parseRange(request.headers.get("range"), object.size)
    : "whole";
  if (range === "unsatisfiable") {
    throw new ApiError("range_not_satisfiable", undefined, { "content-range": `bytes */${object.size}` });
  }
  const span = range === "whole" ? { offset: 0, length: object.size } : range;
  headers.set("content-length", String(span.length));
  if (range !== "whole") {
    headers.set("content-range", `bytes ${span.offset}-${span.offset + span.length - 1}/${object.size}`);
  }
  const status = range === "whole" ? 200 : 206;
  return bytes.send(object.r2Key, range === "whole" ? range : span, { status, headers });
}

/**
 * The single byte range that a `Range` header asks of `size` bytes. Other units, several ranges and nonsense
 * are ignored, as RFC 9110 §14.2 allows, which means the whole object.
 */
export function parseRange(header: string | null, size: number): ByteRange | "whole" | "unsatisfiable" {
  const match = header?.match(/^bytes=(\d*)-(\d*)$/i);
  if (!match || (match[1] === "" && match[2] === "")) return "whole";
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < first) return "whole";
  return first >= size ? "unsatisfiable" : { offset: first, length: last - first + 1 };
}

/** RFC 6266: an ASCII name for old clients and the exact one for the others. */
export function contentDisposition(filename: string, inline: boolean): string {
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
  return `${inline ? "inline" : "attachment"}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
