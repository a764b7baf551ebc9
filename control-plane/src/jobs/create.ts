import { type CreateJob, DEFAULT_POOL, JobOptions } from "@splatt/shared";
import { and, eq, notExists, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { agents, type JobRow, jobs, uploads } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { WaitingJob } from "../dispatch/queue.ts";
import { queueRank } from "../dispatch/queue-rank.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import { findCompletedUpload, isPresent } from "../uploads/uploads.ts";

export const CREATED_MESSAGE = "Job created and queued for processing";

/**
 * Queues a job.
 *
 * @param repeats the ended job that it is a retry of
 * @returns the job as it waits in the queue
 */
export async function createJob(db: Database, body: CreateJob, repeats: JobRow | null): Promise<WaitingJob> {
  await requirePool(db, body.pool);
  const upload = body.upload_id === undefined ? null : await findCompletedUpload(db, body.upload_id);
  const id = crypto.randomUUID();
  const now = Date.now();
  const rank = queueRank(now, body.priority);
  const lastAgentId = repeats?.agentId ?? repeats?.lastAgentId ?? null;
  const insert = db
    .insert(jobs)
    .values({
      id,
      taskId: body.task_id,
      status: "queued",
      message: CREATED_MESSAGE,
      filename: body.filename ?? upload?.filename ?? "video",
      sourceUrl: body.filebin_url ?? body.video_url ?? null,
      uploadId: upload?.id ?? null,
      options: JobOptions.parse(body),
      pool: body.pool,
      priority: body.priority,
      rank,
      retryOf: repeats?.id ?? null,
      lastAgentId,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing();
  if (upload === null) await withRetry(() => insert);
  else await insertWithUpload(db, insert, id, upload.id);
  return { id, attempt: 0, engine: body.engine, lastAgentId, rank };
}

/** Until a job uses the upload, it can be deleted at any moment: then the job is not created. */
async function insertWithUpload(
  db: Database,
  insert: Parameters<Database["batch"]>[0][number],
  id: string,
  uploadId: string,
): Promise<void> {
  const upload = db
    .select({ one: sql`1` })
    .from(uploads)
    .where(and(eq(uploads.id, uploadId), isPresent()));
  const dropOrphan = db
    .delete(jobs)
    .where(and(eq(jobs.id, id), eq(jobs.status, "queued"), notExists(upload)));
  await withRetry(() => db.batch([insert, dropOrphan]));
  const created = await db.select({ id: jobs.id }).from(jobs).where(eq(jobs.id, id));
  if (created.length === 0) throw new ApiError("upload_not_found");
}

/** Wakes the pool's Dispatcher for a job that was just created. */
export async function announceJob(env: Env, pool: string, job: WaitingJob): Promise<void> {
  await notifyDispatcher(env, pool, "job created", job.id, (dispatcher) =>
    dispatcher.jobQueued(job.engine, job),
  );
}

/** The default pool always exists; any other pool exists while it has an agent. */
async function requirePool(db: Database, pool: string): Promise<void> {
  if (pool === DEFAULT_POOL) return;
  const members = await db.select({ id: agents.id }).from(agents).where(eq(agents.pool, pool)).limit(1);
  if (members.length > 0) return;
  throw new ApiError("invalid_request", [
    { loc: ["body", "pool"], msg: `There is no agent in a pool named ${pool}`, type: "value_error" },
  ]);
}
