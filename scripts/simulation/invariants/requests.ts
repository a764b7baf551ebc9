import { FENCE_HEADERS, isTerminal, type JobStatus } from "@splatt/shared";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

const OF_A_JOB = /\/agent\/jobs\/([0-9a-f-]+)\/[^?]*/;

/** Told of a request of an agent when it arrives; tells what is broken once it knows the answer's status. */
export type RequestCheck = (status: number) => Finding;

/**
 * A request under a lease that is gone when it arrives is refused, whatever it asks for. What is true on arrival stays
 * true: a lease that is gone never comes back.
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
  return (status) => (holds || status >= 300 ? null : `${path} under a lease that is gone: ${status}`);
}
