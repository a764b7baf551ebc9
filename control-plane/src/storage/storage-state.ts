import { ApiError } from "../http/problem.ts";

/** A disk under the stores that does not work as it should, as the embedded runtime reports it. */
export interface StorageState {
  readonly kind: "full" | "read_only" | "failing" | "slow";
  /** A sentence for people. */
  readonly message: string;
}

const RETRY_AFTER_SEC = "30";

/** Why nothing can be written now, or null. A slow disk still takes writes. */
export function refusalOfWrites(state: StorageState | undefined): ApiError | null {
  if (state === undefined || state.kind === "slow") return null;
  const code = state.kind === "full" ? "storage_full" : "storage_unwritable";
  return new ApiError(code, state.message, { "retry-after": RETRY_AFTER_SEC });
}

/** As SQLite and the object store report a disk that takes no more. */
const FULL = /SQLITE_FULL|database or disk is full|ENOSPC|EDQUOT/;
const UNWRITABLE = /SQLITE_READONLY|readonly database|SQLITE_IOERR|disk I\/O error|EROFS|\bEIO\b/;

/** The refusal that an error of a store stands for, or null when the disk is not its cause. */
export function diskProblem(errorText: string): ApiError | null {
  const headers = { "retry-after": RETRY_AFTER_SEC };
  if (FULL.test(errorText)) return new ApiError("storage_full", undefined, headers);
  return UNWRITABLE.test(errorText) ? new ApiError("storage_unwritable", undefined, headers) : null;
}
