import { and, eq, sql } from "drizzle-orm";
import { auditJobs } from "../audit/audit.ts";
import { type Database, withRetry } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { type JobRow, jobs, uploads } from "../db/schema.ts";
import type { Principal } from "../keys/principal.ts";
import { uploadsOf } from "../uploads/upload-users.ts";
import { isPresent } from "../uploads/uploads.ts";

/** Keeps a job's files from retention, or gives them back to it. Repeating it changes nothing. */
export async function setPinned(
  db: Database,
  principal: Principal,
  job: JobRow,
  pinned: boolean,
): Promise<JobRow | undefined> {
  const differs = and(eq(jobs.id, job.id), eq(jobs.pinned, !pinned));
  const record = auditJobs(db, principal, pinned ? "job.pinned" : "job.unpinned", differs);
  const change = db
    .update(jobs)
    .set({ pinned, version: sql`${jobs.version} + 1` })
    .where(differs);
  const used = uploadsOf(job);
  // The video may have been due while the job was pinned: the next scheduled run looks at it.
  const lookAgain = db
    .update(uploads)
    .set({ expiresAt: Date.now() })
    .where(and(inList(uploads.id, used), isPresent()));
  await withRetry(() =>
    db.batch(pinned || used.length === 0 ? [record, change] : [record, change, lookAgain]),
  );
  const [after] = await db.select().from(jobs).where(eq(jobs.id, job.id));
  return after;
}
