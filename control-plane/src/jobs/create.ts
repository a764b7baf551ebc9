import { type CreateJob, DEFAULT_POOL, JobOptions } from "@splatt/shared";
import { and, eq, notExists, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { agents, jobs, uploads } from "../db/schema.ts";
import { queueRank } from "../dispatch/queue-rank.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import { errorText, log } from "../log.ts";
import { findCompletedUpload, isThere } from "../uploads/routes.ts";
import type { JobRow } from "./view.ts";

export const CREATED_MESSAGE = "Job created and queued for processing";

/** Queues a job. @param repeats the ended job that it is a retry of @returns its id */
export async function createJob(db: Database, body: CreateJob, repeats: JobRow | null): Promise<string> {
  await requirePool(db, body.pool);
  const upload = body.upload_id === undefined ? null : await findCompletedUpload(db, body.upload_id);
  const id = crypto.randomUUID();
  const now = Date.now();
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
      rank: queueRank(now, body.priority),
      retryOf: repeats?.id ?? null,
      lastAgentId: repeats?.agentId ?? repeats?.lastAgentId ?? null,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing();
  if (upload === null) await withRetry(() => insert);
  else await insertWithUpload(db, insert, id, upload.id);
  return id;
}

/** The upload may be deleted at any moment until a job uses it: with it gone, the job is not made. */
async function insertWithUpload(
  db: Database,
  insert: Parameters<Database["batch"]>[0][number],
  id: string,
  uploadId: string,
): Promise<void> {
  const upload = db
    .select({ one: sql`1` })
    .from(uploads)
    .where(and(eq(uploads.id, uploadId), isThere()));
  const dropOrphan = db
    .delete(jobs)
    .where(and(eq(jobs.id, id), eq(jobs.status, "queued"), notExists(upload)));
  await withRetry(() => db.batch([insert, dropOrphan]));
  const made = await db.select({ id: jobs.id }).from(jobs).where(eq(jobs.id, id));
  if (made.length === 0) throw new ApiError("upload_not_found");
}

/** The job is safe in D1: should the Dispatcher not hear of it now, its next tick finds it. */
export async function tellDispatcher(
  env: Env,
  { pool, engine }: Pick<CreateJob, "pool" | "engine">,
): Promise<void> {
  try {
    await dispatcherOf(env, pool).jobQueued(engine);
  } catch (error) {
    log("warn", "the Dispatcher did not hear of a new job", { pool, error: errorText(error) });
  }
}

/** The default pool always exists; any other one by having an agent. */
async function requirePool(db: Database, pool: string): Promise<void> {
  if (pool === DEFAULT_POOL) return;
  const members = await db.select({ id: agents.id }).from(agents).where(eq(agents.pool, pool)).limit(1);
  if (members.length > 0) return;
  throw new ApiError("invalid_request", [
    { loc: ["body", "pool"], msg: `There is no agent in a pool named ${pool}`, type: "value_error" },
  ]);
}
