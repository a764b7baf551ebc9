import {
  CreateJob,
  CreateJobFields,
  DEFAULT_POOL,
  type JobCreated,
  type JobList,
  JobOptions,
  type JobStatus,
  ListJobsQuery,
} from "@splatt/shared";
import { and, desc, eq, inArray, lt, sql } from "drizzle-orm";
import { type Context, Hono } from "hono";
import type { AppEnv } from "../app-env.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { agents, jobCounts, jobs, results } from "../db/schema.ts";
import { queueRank } from "../dispatch/queue-rank.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import type { Env } from "../env.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, unknownFields, validate } from "../http/validate.ts";
import { errorText, log } from "../log.ts";
import { findCompletedUpload } from "../uploads/routes.ts";
import { deleteJob } from "./delete.ts";
import { type JobRow, type ResultRow, toJobView, toStatusView } from "./view.ts";

const CREATED_MESSAGE = "Job created and queued for processing";

export const jobRoutes = new Hono<AppEnv>()
  .post("/", async (c) => {
    const raw = await readJson(c);
    const body = validate(CreateJob, raw, "body");
    const db = database(c.env.DB);
    await requirePool(db, body.pool);
    const id = crypto.randomUUID();
    const job = await newJobRow(db, id, body);
    await withRetry(() => db.insert(jobs).values(job).onConflictDoNothing());
    c.executionCtx.waitUntil(tellDispatcher(c.env, body));
    const unknown = unknownFields(CreateJobFields, raw);
    const created: JobCreated = { job_id: id, status: "queued", message: CREATED_MESSAGE };
    return c.json(unknown.length === 0 ? created : { ...created, warnings: unknown.map(ignoredWarning) });
  })

  .get("/", async (c) => {
    const { status, limit, cursor } = validate(ListJobsQuery, c.req.query(), "query");
    const db = database(c.env.DB);
    const page = await db
      .select()
      .from(jobs)
      .where(
        and(
          status === undefined ? undefined : eq(jobs.status, status),
          cursor === undefined ? undefined : lt(jobs.seq, cursor),
        ),
      )
      .orderBy(desc(jobs.seq))
      .limit(limit);
    const files = await resultsOf(
      db,
      page.filter((job) => job.status === "completed").map((job) => job.id),
    );
    const list: JobList = {
      jobs: page.map((job) => toStatusView(job, files.get(job.id) ?? [])),
      total: await countJobs(db, status),
      next_cursor: page.length === limit ? String(page.at(-1)?.seq) : null,
    };
    return c.json(list);
  })

  .get("/:id", async (c) => {
    const job = await findJob(c);
    return c.json(toJobView(job, await filesOf(c, job), Date.now()));
  })

  .get("/:id/status", async (c) => {
    const job = await findJob(c);
    return c.json(toStatusView(job, await filesOf(c, job)));
  })

  .get("/:id/results/:filename", async (c) => {
    const job = await findJob(c);
    const filename = c.req.param("filename");
    const file = await database(c.env.DB).query.results.findFirst({
      where: and(eq(results.jobId, job.id), eq(results.filename, filename)),
    });
    if (file === undefined) throw new ApiError("result_not_found");
    const response = await objectResponse(c.env.BUCKET, file, c.req.raw);
    if (response === null) throw new ApiError("result_not_found");
    return response;
  })

  .delete("/:id", async (c) => {
    const job = await findJob(c);
    if (!(await deleteJob(c.env, job))) throw new ApiError("job_not_ended", `The job is ${job.status}.`);
    return c.json({ message: "Job deleted successfully" });
  });

async function newJobRow(db: Database, id: string, body: CreateJob): Promise<typeof jobs.$inferInsert> {
  const upload = body.upload_id === undefined ? null : await findCompletedUpload(db, body.upload_id);
  const sourceUrl = body.filebin_url ?? body.video_url ?? null;
  const now = Date.now();
  return {
    id,
    taskId: body.task_id,
    status: "queued",
    message: CREATED_MESSAGE,
    filename: body.filename ?? upload?.filename ?? "video",
    sourceUrl,
    uploadId: upload?.id ?? null,
    options: JobOptions.parse(body),
    pool: body.pool,
    priority: body.priority,
    rank: queueRank(now, body.priority),
    createdAt: now,
    updatedAt: now,
  };
}

/** The job is safe in D1: should the Dispatcher not hear of it now, its next tick finds it. */
async function tellDispatcher(env: Env, { pool, engine }: CreateJob): Promise<void> {
  try {
    await dispatcherOf(env, pool).jobQueued(engine);
  } catch (error) {
    log("warn", "the Dispatcher did not hear of a new job", { pool, error: errorText(error) });
  }
}

/** The default pool always exists; any other one by having an agent. */
async function requirePool(db: Database, pool: string): Promise<void> {
  if (pool === DEFAULT_POOL) return;
  if (await db.query.agents.findFirst({ where: eq(agents.pool, pool), columns: { id: true } })) return;
  throw new ApiError("invalid_request", [
    { loc: ["body", "pool"], msg: `There is no agent in a pool named ${pool}`, type: "value_error" },
  ]);
}

function ignoredWarning(field: string): string {
  return `The field ${field} is not known and was ignored.`;
}

async function findJob(c: Context<AppEnv>): Promise<JobRow> {
  const job = await database(c.env.DB).query.jobs.findFirst({ where: eq(jobs.id, c.req.param("id") ?? "") });
  if (job === undefined) throw new ApiError("job_not_found");
  return job;
}

async function filesOf(c: Context<AppEnv>, job: JobRow): Promise<ResultRow[]> {
  if (job.status !== "completed") return [];
  return (await resultsOf(database(c.env.DB), [job.id])).get(job.id) ?? [];
}

/** The result files of many jobs in one query; as one JSON parameter, since D1 binds at most 100. */
async function resultsOf(db: Database, jobIds: readonly string[]): Promise<Map<string, ResultRow[]>> {
  if (jobIds.length === 0) return new Map();
  const rows = await db
    .select()
    .from(results)
    .where(inArray(results.jobId, sql`(SELECT value FROM json_each(${JSON.stringify(jobIds)}))`));
  return Map.groupBy(rows, (row) => row.jobId);
}

async function countJobs(db: Database, status: JobStatus | undefined): Promise<number> {
  const counts = await db.select().from(jobCounts);
  return counts
    .filter((count) => status === undefined || count.status === status)
    .reduce((sum, count) => sum + count.jobs, 0);
}
