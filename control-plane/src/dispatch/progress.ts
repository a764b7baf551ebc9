import { type JobProgress, type ServerMessage, statusesBefore } from "@splatt/shared";
import { and, inArray, lte, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { heldUnder, isHeldUnder } from "../jobs/lease-conditions.ts";
import type { DispatchContext, WrittenProgress } from "./dispatch-context.ts";
import { abandon } from "./job-reports.ts";
import type { DispatchTiming } from "./timing.ts";

/** Written rows are most of what a job costs, so progress is written only when it moved enough, and not too often. */
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

/** `job.progress`: never acked, may be lost; the latest wins. */
export async function onProgress(
  context: DispatchContext,
  agentId: string,
  message: JobProgress,
): Promise<ServerMessage | null> {
  const { fence, progress } = message;
  const written = context.writtenProgress.get(fence.job_id);
  const now = context.now();
  if (!isWorthWriting(progress, now, written, context.timing)) return null;
  context.writtenProgress.set(fence.job_id, { progress, at: now });
  const rows = await withRetry(() =>
    context.db
      .update(jobs)
      .set({
        progress,
        message: message.message,
        etaSeconds: message.eta_seconds,
        updatedAt: now,
        version: sql`${jobs.version} + 1`,
      })
      .where(
        and(
          heldUnder(fence, agentId),
          inArray(jobs.status, statusesBefore("completed")),
          lte(jobs.progress, progress),
        ),
      )
      .returning({ id: jobs.id }),
  );
  if (rows.length > 0 || (await isHeldUnder(context.db, fence, agentId))) return null;
  return abandon(fence);
}
