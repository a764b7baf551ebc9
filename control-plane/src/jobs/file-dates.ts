import { eq, max, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import type { Retention } from "../maintenance/retention-settings.ts";

/** When retention removes a job's files, in milliseconds since the epoch; null when it does not, or has done so. */
export interface FileDates {
  readonly inputExpiresAt: number | null;
  readonly resultsExpireAt: number | null;
}

export async function fileDates(db: Database, job: JobRow, retention: Retention): Promise<FileDates> {
  const { inputMs, resultMs } = retention;
  const hasResults = job.status === "completed" && job.resultsPurgedAt === null;
  const resultsExpireAt =
    hasResults && !job.pinned && resultMs !== null && job.endedAt !== null ? job.endedAt + resultMs : null;
  if (inputMs === null || job.uploadId === null || job.inputPurgedAt !== null) {
    return { inputExpiresAt: null, resultsExpireAt };
  }
  // A job that has not ended, or is pinned, keeps the video for all that use it.
  const [users] = await db
    .select({
      keepers: sql<number>`sum(${jobs.endedAt} IS NULL OR ${jobs.pinned})`,
      lastEnd: max(jobs.endedAt),
    })
    .from(jobs)
    .where(eq(jobs.uploadId, job.uploadId));
  const lastEnd = users?.keepers === 0 ? users.lastEnd : null;
  return { inputExpiresAt: lastEnd === null ? null : lastEnd + inputMs, resultsExpireAt };
}
