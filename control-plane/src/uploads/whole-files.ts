import { isTerminal } from "@splatt/shared";
import { and, eq, notExists, or, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { type JobRow, jobs, type ResultRow, resultSweeps, results } from "../db/schema.ts";
import { sha256Hex } from "../http/credentials.ts";

/**
 * Small result files arrive whole, in one request, and are stored without a row: the object's key says what it is. A
 * key is made of the file's hash, so a repeated request stores the same bytes under the same key.
 */

/** A request whose lease was checked before the job ended has stored its file, or failed, by then. */
const LATEST_FILE_MS = 3600 * 1000;

export type WholeFile = Pick<ResultRow, "filename" | "size" | "sha256">;

export interface WholeFileNames {
  readonly uploadId: string;
  readonly r2Key: string;
}

/** How a file of a job's attempt is named to its agent, and in R2. */
export async function nameWholeFile(
  { id, attempt }: Pick<JobRow, "id" | "attempt">,
  { filename, sha256 }: Pick<WholeFile, "filename" | "sha256">,
): Promise<WholeFileNames> {
  const uploadId = toUuid(await sha256Hex(`${filename}\n${sha256}`));
  return { uploadId, r2Key: `jobs/${id}/${attempt}/${uploadId}/${filename}` };
}

/** The form of a UUID whose 122 bits are chosen freely (version 8). */
function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * Has the job's prefix swept again some time after its end. Comes before the first file, so that none can stay
 * unnoticed.
 */
export async function rememberToSweep(db: Database, jobId: string): Promise<void> {
  await withRetry(() => db.insert(resultSweeps).values({ jobId }).onConflictDoNothing());
}

/** Deletes a file that arrived when its attempt was over, unless an earlier request made it one of the results. */
export async function discardLateFile(
  db: Database,
  bucket: R2Bucket,
  { id, attempt }: Pick<JobRow, "id" | "attempt">,
  r2Key: string,
): Promise<void> {
  const [[job], [result]] = await db.batch([
    db.select({ status: jobs.status, attempt: jobs.attempt }).from(jobs).where(eq(jobs.id, id)),
    db
      .select({ r2Key: results.r2Key })
      .from(results)
      .where(and(eq(results.jobId, id), eq(results.r2Key, r2Key))),
  ]);
  // Under a newer lease, the same attempt may need it.
  const isRunning = job !== undefined && job.attempt === attempt && !isTerminal(job.status);
  if (!isRunning && result === undefined) await bucket.delete(r2Key);
}

/** Jobs that have ended, or were deleted, so long ago that no file can arrive any more. */
export async function jobsToSweep(db: Database, now: number, limit: number): Promise<string[]> {
  const running = db
    .select({ one: sql`1` })
    .from(jobs)
    .where(
      and(
        eq(jobs.id, resultSweeps.jobId),
        or(sql`${jobs.endedAt} IS NULL`, sql`${jobs.endedAt} > ${now - LATEST_FILE_MS}`),
      ),
    );
  const due = await db.select().from(resultSweeps).where(notExists(running)).limit(limit);
  return due.map(({ jobId }) => jobId);
}

/** Deletes files that arrived too late for the end of their job to find them. Safe to repeat. */
export async function sweepResultFiles(db: Database, bucket: R2Bucket, jobId: string): Promise<void> {
  const won = await db.select({ r2Key: results.r2Key }).from(results).where(eq(results.jobId, jobId));
  await deleteStrays(bucket, jobId, new Set(won.map(({ r2Key }) => r2Key)));
  await withRetry(() => db.delete(resultSweeps).where(eq(resultSweeps.jobId, jobId)));
}

/** Deletes what a job that has ended has in R2, except the objects that are its results. */
export async function deleteStrays(
  bucket: R2Bucket,
  jobId: string,
  kept: ReadonlySet<string>,
): Promise<void> {
  for (let cursor: string | undefined, more = true; more; ) {
    const page = await bucket.list({ prefix: `jobs/${jobId}/`, ...(cursor === undefined ? {} : { cursor }) });
    const strays = page.objects.flatMap(({ key }) => (kept.has(key) ? [] : [key]));
    if (strays.length > 0) await bucket.delete(strays);
    more = page.truncated;
    if (page.truncated) cursor = page.cursor;
  }
}
