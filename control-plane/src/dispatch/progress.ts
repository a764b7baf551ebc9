import { type JobProgress, type ServerMessage, statusesBefore } from "@splatt/shared";
import { and, inArray, lte } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { heldUnder, isHeldUnder } from "../jobs/conditions.ts";
import type { Hub } from "./hub.ts";
import type { DispatchTiming } from "./timing.ts";

/** What was last written of a job's progress, and when. */
export interface WrittenProgress {
  readonly progress: number;
  readonly at: number;
}

/** Rows written are most of what a job costs, so only progress that moved enough, long enough after the last. */
export function isWorthWriting(
  progress: number,
  now: number,
  written: WrittenProgress | undefined,
  timing: Pick<DispatchTiming, "progressWritePoints" | "progressWriteMs">,
): boolean {
  if (written === undefined) return true;
  return (
    progress - written.progress >= timing.progressWritePoints && now - written.at >= timing.progressWriteMs
  );
}

/** Progress is never acked and may be lost; the latest wins. */
export async function onProgress(
  hub: Hub,
  agentId: string,
  message: JobProgress,
): Promise<ServerMessage | null> {
  const { fence, progress } = message;
  const written = hub.writtenProgress.get(fence.job_id);
  const now = hub.now();
  if (!isWorthWriting(progress, now, written, hub.timing)) return null;
  hub.writtenProgress.set(fence.job_id, { progress, at: now });
  const rows = await withRetry(() =>
    hub.db
      .update(jobs)
      .set({ progress, message: message.message, etaSeconds: message.eta_seconds, updatedAt: now })
      .where(
        and(
          heldUnder(fence, agentId),
          inArray(jobs.status, statusesBefore("completed")),
          lte(jobs.progress, progress),
        ),
      )
      .returning({ id: jobs.id }),
  );
  if (rows.length > 0 || (await isHeldUnder(hub.db, fence, agentId))) return null;
  return { type: "job.abandon", fence, reason: "the job is no longer yours" };
}
