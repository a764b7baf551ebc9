import type { ProblemCode } from "@splatt/shared";
import { SERVED_SEGMENTS } from "../../src/http/served-paths.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Requests whose body is part of a video or of a result. A trailing slash makes no difference to the Worker. */
const PART_PATHS: readonly (readonly [method: string, path: RegExp])[] = [
  ["PUT", /^\/uploads\/[^/]+\/parts\/[^/]+\/?$/],
  ["PUT", /^\/agent\/jobs\/[^/]+\/uploads\/[^/]+\/parts\/[^/]+\/?$/],
  ["PUT", /^\/agent\/jobs\/[^/]+\/files\/[^/]+\/?$/],
  ["POST", /^\/uploads\/tus\/?$/],
  ["PATCH", /^\/uploads\/tus\/[^/]+\/?$/],
];
const MAX_TARGET = 8192;
const MAX_HEADERS = 100;

/** A request as received, before any interpretation. */
export interface RequestHead {
  readonly method: string;
  /** The request target, as sent. */
  readonly target: string;
  /** As in HTTP/1.1. */
  readonly version: string;
  /** Alternating names and values, as sent. */
  readonly rawHeaders: readonly string[];
}

export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** Why the front door rejects a request, or null. */
export function refusalOf({ method, target, version, rawHeaders }: RequestHead): Refusal | null {
  // Node's parser takes 0.9 and 2.0 for it, too.
  if (version !== "1.1" && version !== "1.0") return malformed("The protocol must be HTTP/1.1.");
  if (!METHODS.has(method)) {
    return { code: "method_not_allowed", detail: `The method ${method.slice(0, 20)} is not supported.` };
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return { code: "headers_too_large", detail: `A request may have ${MAX_HEADERS} headers.` };
  }
  if (target.length > MAX_TARGET) return malformed("The request target is too long.");
  // Only the origin form: neither a full URL, nor *, nor an authority.
  if (!/^\/[\x21-\x7e]*$/.test(target) || /[\\#]/.test(target)) {
    return malformed("The request target must be a path.");
  }
  const path = target.split("?", 1)[0] ?? "";
  if (/%(?:2e|2f|5c|00)/i.test(path) || path.includes("//") || path.split("/").some(isDots)) {
    return malformed("The path must be in its normal form.");
  }
  const hosts = valuesOf(rawHeaders, "host");
  if (hosts.length !== 1 || !isHost(hosts[0] ?? "")) {
    return malformed("The request must have one valid Host header.");
  }
  for (const name of ["content-length", "transfer-encoding", "content-type", "authorization", "x-api-key"]) {
    if (valuesOf(rawHeaders, name).length > 1) return malformed(`The header ${name} may be sent only once.`);
  }
  const encoding = valuesOf(rawHeaders, "transfer-encoding")[0];
  if (encoding !== undefined && encoding.toLowerCase() !== "chunked") {
    return malformed("The only transfer encoding supported is chunked.");
  }
  if (!SERVED_SEGMENTS.includes(path.split("/")[1] ?? "")) {
    return { code: "not_found", detail: `${path.slice(0, 200)} is not an endpoint.` };
  }
  return null;
}

/** Whether it makes a URL: the runtime fails where a port is too large, or an address is none. */
function isHost(host: string): boolean {
  return /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host) && URL.canParse(`http://${host}`);
}

/** Whether the body is a part of an upload: it stays on the connection until the Worker has decided. */
export function isPartUpload({ method, target }: Pick<RequestHead, "method" | "target">): boolean {
  const path = target.split("?", 1)[0] ?? "";
  return PART_PATHS.some(([ofMethod, pattern]) => method === ofMethod && pattern.test(path));
}

export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function malformed(detail: string): Refusal {
  return { code: "malformed_request", detail };
}

function isDots(segment: string): boolean {
  return segment === "." || segment === "..";
}
