import { isDiskFull, isDiskUnwritable } from "../db/store-errors.ts";
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

/** The refusal that an error of a store stands for, or null when the disk is not its cause. */
export function diskProblem(error: unknown): ApiError | null {
  const headers = { "retry-after": RETRY_AFTER_SEC };
  if (isDiskFull(error)) return new ApiError("storage_full", undefined, headers);
  return isDiskUnwritable(error) ? new ApiError("storage_unwritable", undefined, headers) : null;
}
