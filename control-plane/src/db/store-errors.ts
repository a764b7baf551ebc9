import { DrizzleQueryError } from "drizzle-orm";

/** Deep enough for drizzle's error around D1's around the runtime's. */
const MAX_CAUSES = 8;

/**
 * Failures of D1 and Durable Objects that pass: a restart, a deploy, a lost connection, an internal error. Cloudflare
 * rewords these now and then, and a reference may stand in the middle, so each pattern is as short as it can be.
 */
const TRANSIENT = [
  /network connection lost/i,
  /internal error/i,
  /storage caused object to be reset/i,
  /reset because its code was updated/i,
  /script has been upgraded/i,
  /cannot resolve (D1 DB|Durable Object)/i,
];

/** Failures that an immediate retry would make worse, though a later one may succeed. */
const OVERLOADED = [
  /is overloaded/i,
  /requests queued/i,
  /generating too much load/i,
  /caused object to be reset/i,
  /exceeded its (memory|CPU time) limit and was reset/i,
];

/** R2's codes for an internal error, an outage, and too many requests. */
const R2_UNAVAILABLE = /\((10001|10043|10054|10058)\)/;
/** R2's code for a multipart upload that was completed, aborted or has expired. */
const R2_NO_SUCH_UPLOAD = /\(10024\)/;
/** R2's code for an object whose hash is not the stated one. */
const R2_CHECKSUM_MISMATCH = /\(10037\)/;
/** R2's codes for parts that are too small, an unknown upload or part, and a malformed list of parts. */
const R2_COMPLETION_REFUSED = /\((10011|10024|10025|10048)\)/;

/** How SQLite and the object store of the embedded runtime report a disk that takes no more. */
const DISK_FULL = /SQLITE_FULL|database or disk is full|ENOSPC|EDQUOT/;
const DISK_UNWRITABLE = /SQLITE_READONLY|readonly database|SQLITE_IOERR|disk I\/O error|EROFS|\bEIO\b/;

/** Whether a D1 statement failed in a way that an immediate retry may get past. */
export function isTransientD1Error(error: unknown): boolean {
  return TRANSIENT.some((pattern) => pattern.test(storeErrorText(error)));
}

/** Whether D1, R2 or a Durable Object is unavailable, so that the same request may succeed later. */
export function isStoreUnavailable(error: unknown): boolean {
  const text = storeErrorText(error);
  return (
    [...TRANSIENT, ...OVERLOADED, R2_UNAVAILABLE].some((pattern) => pattern.test(text)) ||
    causes(error).some(isMarkedByRuntime)
  );
}

export function isNoSuchUpload(error: unknown): boolean {
  return R2_NO_SUCH_UPLOAD.test(storeErrorText(error));
}

export function isChecksumMismatch(error: unknown): boolean {
  return R2_CHECKSUM_MISMATCH.test(storeErrorText(error));
}

/** Whether R2 refused to assemble the parts, and would refuse them again. */
export function isCompletionRefused(error: unknown): boolean {
  return R2_COMPLETION_REFUSED.test(storeErrorText(error));
}

export function isDiskFull(error: unknown): boolean {
  return DISK_FULL.test(storeErrorText(error));
}

export function isDiskUnwritable(error: unknown): boolean {
  return DISK_UNWRITABLE.test(storeErrorText(error));
}

/**
 * The text of an error and its causes, without what drizzle puts around a failed query: that holds the query's values,
 * which are secret and could themselves read like an error.
 */
export function storeErrorText(error: unknown): string {
  return causes(error)
    .map((cause) => {
      if (cause instanceof DrizzleQueryError) return "query failed";
      return cause instanceof Error ? cause.message || cause.name : String(cause);
    })
    .join(": ");
}

/** The statement that failed, with placeholders for its values; undefined when no query failed. */
export function failedStatement(error: unknown): string | undefined {
  return causes(error).find((cause) => cause instanceof DrizzleQueryError)?.query;
}

/** Runs work whose error the runtime logs or passes on, and removes the values of a failed query from it. */
export async function withoutQueryValues<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failedStatement(error) === undefined ? error : new Error(storeErrorText(error));
  }
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let current = error;
  do {
    chain.push(current);
    current = current instanceof Error ? current.cause : undefined;
  } while (current !== undefined && chain.length < MAX_CAUSES);
  return chain;
}

/** The runtime marks errors of calls to Durable Objects that a new stub may get past. */
function isMarkedByRuntime(error: unknown): boolean {
  const { retryable, overloaded } = Object(error) as { retryable?: unknown; overloaded?: unknown };
  return retryable === true || overloaded === true;
}
