import { type CreateJob, DEFAULT_POOL, JobOptions } from "@splatt/shared";
import { and, count, eq, type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { agents, type Callback, type JobRow, jobs, type UploadRow, uploads } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { WaitingJob } from "../dispatch/queue.ts";
import { queueRank } from "../dispatch/queue-rank.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import type { Creation } from "../idempotency/creation.ts";
import type { Principal } from "../keys/principal.ts";
import { findCompletedUploads, isPresent } from "../uploads/uploads.ts";

export const CREATED_MESSAGE = "Job created and queued for processing";

/** What a request for a job comes to. */
export interface CreatedJob {
  readonly answer: Response;
  /** The job as it waits in the queue; null when an earlier request with the same idempotency key created it. */
  readonly waiting: WaitingJob | null;
}

/** A job to create. */
export interface JobRequest {
  readonly body: CreateJob;
  /** The ended job that it is a retry of. */
  readonly repeats: JobRow | null;
  /** Where its own events go. */
  readonly callback: Callback | null;
}

/**
 * Queues a job.
 *
 * @param principal who asks
 * @param repeats the ended job that it is a retry of, whose upload it may use
 * @param answer to the request, from the job's id
 */
export async function createJob(
  db: Database,
  principal: Principal,
  creation: Creation,
  { body, repeats, callback }: JobRequest,
  answer: (id: string) => Response,
): Promise<CreatedJob> {
  await requirePool(db, body.pool);
  // Whoever may repeat a job may use its video again, also one that another key uploaded.
  const owner = repeats === null ? principal : undefined;
  const used = body.upload_ids ?? (body.upload_id === undefined ? [] : [body.upload_id]);
  const found = await findCompletedUploads(db, used, owner);
  const filename = body.filename ?? nameOf(found);
  const id = crypto.randomUUID();
  const now = Date.now();
  const rank = queueRank(now, body.priority);
  const lastAgentId = repeats?.agentId ?? repeats?.lastAgentId ?? null;
  const insert = db
    .insert(jobs)
    .values({
      id,
      taskId: body.task_id,
      apiKeyId: principal.keyId,
      labels: Object.keys(body.labels).length === 0 ? null : body.labels,
      status: "queued",
      message: CREATED_MESSAGE,
      filename: used.length === 0 ? filename : whileUploadsExist(db, used, filename),
      sourceUrl: body.filebin_url ?? body.video_url ?? null,
      uploadId: body.upload_id ?? null,
      uploadIds: body.upload_ids ?? null,
      options: JobOptions.parse(body),
      pool: body.pool,
      priority: body.priority,
      rank,
      retryOf: repeats?.id ?? null,
      lastAgentId,
      callback,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing();
  try {
    const committed = await creation.commit([insert], answer(id));
    const needs = {
      isOfSeveral: body.upload_ids !== undefined,
      hasScaleReference: body.scale_reference !== null,
    };
    const waiting: WaitingJob = { id, attempt: 0, engine: body.engine, ...needs, lastAgentId, rank };
    return { answer: committed.answer, waiting: committed.isNew ? waiting : null };
  } catch (error) {
    if (!(error instanceof ApiError)) await findCompletedUploads(db, used, owner);
    throw error;
  }
}

/**
 * Until a job uses an upload, it can be deleted at any moment. Then this is NULL, which the column refuses, so the job
 * is not created.
 */
function whileUploadsExist(db: Database, ids: readonly string[], filename: string): SQL {
  const present = db
    .select({ count: count() })
    .from(uploads)
    .where(and(inList(uploads.id, ids), isPresent()));
  return sql`iif((${present}) = ${ids.length}, ${filename}, NULL)`;
}

/** The longest name of a first file to which the number of the others is added. */
const MAX_NAME = 200;

/** What a job of these uploads is called. */
function nameOf([first, ...others]: readonly UploadRow[]): string {
  if (first === undefined) return "video";
  if (others.length === 0) return first.filename;
  return `${first.filename.slice(0, MAX_NAME).toWellFormed()} and ${others.length} more`;
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
