import { FENCE_HEADERS, isTerminal, type JobStatus } from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

const OF_A_JOB = /\/agent\/jobs\/([0-9a-f-]+)\/[^?]*/;

/** Called when an agent's request arrives; the returned function checks the reply's status. */
export type RequestCheck = (status: number) => Finding;

/**
 * Every request under a lease that has been released on arrival is refused. The check on arrival suffices: a released
 * lease never returns.
 */
export function staleRequestsAreRefused(
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  d1: SqliteFile,
): RequestCheck {
  const [path, jobId] = OF_A_JOB.exec(url) ?? [];
  if (path === undefined || jobId === undefined) return () => null;
  const [job] = d1.rows("SELECT status, attempt, lease_id FROM jobs WHERE id = ?", jobId);
  const holds =
    job !== undefined &&
    !isTerminal(job.status as JobStatus) &&
    String(job.attempt) === headers[FENCE_HEADERS.attempt] &&
    job.lease_id === headers[FENCE_HEADERS.leaseId];
  return (status) => (holds || status >= 300 ? null : `${path} under a released lease: ${status}`);
}
