/** The code of a system call that failed, such as ENOSPC; EUNKNOWN for other errors. */
export function errnoCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "EUNKNOWN";
}
