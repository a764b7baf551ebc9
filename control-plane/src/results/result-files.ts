import { isActive, PREVIEW_FILE, THUMBNAIL_FILE } from "@splatt/shared";
import { and, eq, inArray } from "drizzle-orm";
import { type Database, database } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { type JobRow, type ResultRow, results } from "../db/schema.ts";
import type { Env } from "../env.ts";
import type { StoredObject } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { findPreview } from "../jobs/preview.ts";

/** All result files of a job. */
export async function filesOf(db: Database, job: JobRow): Promise<ResultRow[]> {
  if (job.status !== "completed") return [];
  return db.select().from(results).where(eq(results.jobId, job.id));
}

/** The result files of many jobs in one query. */
export async function filesOfJobs(
  db: Database,
  jobIds: readonly string[],
): Promise<Map<string, ResultRow[]>> {
  if (jobIds.length === 0) return new Map();
  const rows = await db.select().from(results).where(inList(results.jobId, jobIds));
  return Map.groupBy(rows, (row) => row.jobId);
}

/** A result file. The preview is the latest while the job runs, and afterwards the thumbnail. */
export async function findResult(env: Env, job: JobRow, filename: string): Promise<StoredObject | null> {
  if (filename === PREVIEW_FILE && isActive(job.status)) return findPreview(env.BUCKET, job.id);
  // It may have been completed since it was read: with results, but as another attempt.
  if (job.status !== "completed") return null;
  const names = filename === PREVIEW_FILE ? [PREVIEW_FILE, THUMBNAIL_FILE] : [filename];
  const files = await database(env.DB)
    .select()
    .from(results)
    .where(and(eq(results.jobId, job.id), inArray(results.filename, names)));
  const file = files.find((candidate) => candidate.filename === filename) ?? files[0];
  return file === undefined ? null : storedObject(job, file);
}

/** A result file as it is served. */
export function storedObject(job: JobRow, file: ResultRow): StoredObject {
  return { ...file, lastModified: job.endedAt ?? job.updatedAt };
}

/** @throws ApiError 410 when retention has removed the job's results */
export function requireKeptResults(job: JobRow): void {
  if (job.resultsPurgedAt !== null) throw new ApiError("results_purged");
}
