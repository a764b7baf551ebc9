import { errorText } from "../log.ts";

/** What D1 says when it is overloaded, restarts or cannot be reached; its other errors are faults of a statement. */
const D1_AWAY =
  /D1 DB is overloaded|D1 DB.* reset|caused object to be reset|Network connection lost|Cannot resolve D1 DB|Internal error/;
/** R2's codes for an internal error, an outage, and too many requests. */
const R2_AWAY = /\((10001|10043|10054|10058)\)/;

/** Whether D1 or R2 failed for reasons of their own, so that the same request may succeed later. */
export function isStoreFailure(error: unknown): boolean {
  const text = errorText(error);
  return D1_AWAY.test(text) || R2_AWAY.test(text);
}
