/** What a representation is compared by. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch; HTTP dates have whole seconds. */
  readonly lastModified: number;
}

export type PreconditionOutcome = "proceed" | "not_modified" | "failed";

/** Evaluates the conditional headers of a GET or HEAD in the order of RFC 9110 §13.2.2. */
export function evaluatePreconditions(
  headers: Headers,
  { etag, lastModified }: Validators,
): PreconditionOutcome {
  const ifMatch = headers.get("if-match");
  const unmodifiedSince = httpDate(headers.get("if-unmodified-since"));
  if (ifMatch !== null) {
    if (!listsEtag(ifMatch, etag, "strong")) return "failed";
  } else if (unmodifiedSince !== null && wholeSeconds(lastModified) > unmodifiedSince) {
    return "failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  const modifiedSince = httpDate(headers.get("if-modified-since"));
  if (ifNoneMatch !== null) {
    if (listsEtag(ifNoneMatch, etag, "weak")) return "not_modified";
  } else if (modifiedSince !== null && wholeSeconds(lastModified) <= modifiedSince) {
    return "not_modified";
  }
  return "proceed";
}

/**
 * Whether `If-Range` lets a range be served: it is absent, the same strong ETag, or the exact date (RFC 9110 §13.1.5).
 */
export function rangeApplies(ifRange: string | null, { etag, lastModified }: Validators): boolean {
  if (ifRange === null || ifRange === etag) return true;
  return httpDate(ifRange) === wholeSeconds(lastModified);
}

function listsEtag(header: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (header.trim() === "*") return true;
  const entries = header.split(",").map((entry) => entry.trim());
  return entries.some((entry) => (comparison === "weak" ? entry.replace(/^W\//, "") : entry) === etag);
}

/** A date in one of HTTP's formats, in milliseconds; null for anything else, which RFC 9110 says to ignore. */
function httpDate(text: string | null): number | null {
  if (text === null || !/^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/.test(text)) return null;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : date;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
