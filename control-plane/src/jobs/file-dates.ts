import { max, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import type { Retention } from "../maintenance/retention-settings.ts";
import { uploadsOf, usesUpload } from "../uploads/upload-users.ts";

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
  const used = uploadsOf(job);
  if (inputMs === null || used.length === 0 || job.inputPurgedAt !== null) {
    return { inputExpiresAt: null, resultsExpireAt };
  }
  // A job that has not ended, or is pinned, keeps the video for all that use it.
  const users = await db
    .select({
      keepers: sql<number>`sum(${jobs.endedAt} IS NULL OR ${jobs.pinned})`,
      lastEnd: max(jobs.endedAt),
    })
    .from(sql`json_each(${JSON.stringify(used)}) AS used`)
    .innerJoin(jobs, usesUpload(sql`used.value`))
    .groupBy(sql`used.value`);
  // Without one of its uploads, a job of several has no input any more.
  const ends = users.flatMap(({ keepers, lastEnd }) => (keepers === 0 && lastEnd !== null ? [lastEnd] : []));
  return { inputExpiresAt: ends.length === 0 ? null : Math.min(...ends) + inputMs, resultsExpireAt };
}
