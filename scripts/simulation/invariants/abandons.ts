import type { Fence } from "@splatt/shared";
import type { SqliteFile } from "../ports/d1.ts";
import type { Finding } from "./jobs.ts";

/**
 * Nobody is told to drop a job that D1 says is theirs: it would be begun again, with all its work lost. A lease that
 * is gone never comes back, so that what was true when the Dispatcher looked still is when its frame leaves.
 */
export function onlyTheLostIsAbandoned(frame: string, d1: SqliteFile): Finding {
  if (!frame.startsWith('{"type":"job.abandon"')) return null;
  const { fence, reason } = JSON.parse(frame) as { fence: Fence; reason: string };
  const [row] = d1.rows(
    `SELECT status FROM jobs WHERE id = ? AND attempt = ? AND lease_id = ?
     AND status NOT IN ('completed', 'failed', 'cancelled')`,
    fence.job_id,
    fence.attempt,
    fence.lease_id,
  );
  if (row === undefined) return null;
  return `job ${fence.job_id.slice(0, 8)} is ${String(row.status)} under its lease, but is abandoned: ${reason}`;
}
