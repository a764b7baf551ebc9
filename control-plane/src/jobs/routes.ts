import {
  type BulkAnswer,
  BulkJobs,
  CreateJob,
  isTerminal,
  type JobCreated,
  type JobList,
  type JobView,
  ListJobsQuery,
  StatusQuery,
} from "@splatt/shared";
import { asc, eq } from "drizzle-orm";
import { type Context, Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { type JobRow, jobEvents } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, readOptionalJson, readQuery, validate } from "../http/validate.ts";
import { asKeyMakes, requireJobInReach } from "../keys/reach.ts";
import { retentionOf } from "../maintenance/retention-settings.ts";
import { filesOf, filesOfJobs } from "../results/result-files.ts";
import { versionChanges } from "../watch/long-poll.ts";
import { callbackFor } from "../webhooks/callback.ts";
import { cancelMany, deleteMany } from "./bulk.ts";
import { cancelJobs, stopCancelledJobs } from "./cancel.ts";
import {
  CANCEL_JOB,
  CANCEL_JOBS,
  CREATE_JOB,
  DELETE_JOB,
  DELETE_JOBS,
  GET_JOB,
  GET_JOB_EVENTS,
  GET_JOB_STATUS,
  LIST_JOBS,
  PIN_JOB,
  RETRY_JOB,
  UNPIN_JOB,
} from "./contract.ts";
import { announceJob, CREATED_MESSAGE, createJob, type JobRequest } from "./create.ts";
import { deleteJob } from "./delete.ts";
import { fileDates } from "./file-dates.ts";
import { findJob } from "./find-job.ts";
import { toJobEvent, toJobView, toStatusView } from "./job-views.ts";
import { countJobs, listJobs, toFilters } from "./list.ts";
import { setPinned } from "./pin.ts";
import { requireFetchable } from "./require-fetchable.ts";
import { retryBody } from "./retry.ts";

export const jobRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_JOB), async (c) => {
    const principal = c.get("principal");
    const body = validate(CreateJob, asKeyMakes(principal, await readJson(c)), "body");
    requireJobInReach(principal, body);
    requireFetchable(c.env, body);
    return create(c, { body, repeats: null, callback: await callbackFor(c, body) });
  })

  .get("/", serve(LIST_JOBS), async (c) => {
    const query = validate(ListJobsQuery, readQuery(c, ["status", "label"]), "query");
    const filters = toFilters(query, c.get("principal"));
    const db = database(c.env.DB);
    const page = await listJobs(db, filters, query);
    const completed = page.jobs.filter((job) => job.status === "completed").map((job) => job.id);
    const files = await filesOfJobs(db, completed);
    const list: JobList = {
      jobs: page.jobs.map((job) => toStatusView(job, files.get(job.id) ?? [])),
      total: await countJobs(db, filters),
      next_cursor: page.nextCursor === null ? null : String(page.nextCursor),
    };
    return c.json(list);
  })

  .get("/:id", serve(GET_JOB), async (c) => {
    return c.json(await viewOf(c, await findJob(c)));
  })

  .get("/:id/status", serve(GET_JOB_STATUS), async (c) => {
    const { wait, after } = validate(StatusQuery, readQuery(c), "query");
    let job = await findJob(c);
    if (wait > 0 && !isTerminal(job.status) && (after === undefined || after === job.version)) {
      const { keyId } = c.get("principal");
      const refusal = await versionChanges(c.env, job, keyId, job.version, wait);
      if (refusal !== null) return refusal;
      job = await findJob(c);
    }
    return c.json(toStatusView(job, await filesOf(database(c.env.DB), job)));
  })

  .get("/:id/events", serve(GET_JOB_EVENTS), async (c) => {
    const job = await findJob(c);
    const events = await database(c.env.DB)
      .select()
      .from(jobEvents)
      .where(eq(jobEvents.jobId, job.id))
      .orderBy(asc(jobEvents.number));
    return c.json({ events: events.map(toJobEvent) });
  })

  .post("/cancel", serve(CANCEL_JOBS), (c) => answerBulk(c, cancelMany))
  .post("/delete", serve(DELETE_JOBS), (c) => answerBulk(c, deleteMany))

  .post("/:id/cancel", serve(CANCEL_JOB), async (c) => {
    const [job] = await cancelJobs(c.env, c.get("principal"), [(await findJob(c)).id]);
    if (job === undefined) throw new ApiError("job_not_found");
    if (job.status !== "cancelled") throw new ApiError("job_ended", `The job is ${job.status}.`);
    c.executionCtx.waitUntil(stopCancelledJobs(c.env, [job]));
    return c.json(toStatusView(job, []));
  })

  .post("/:id/retry", serve(RETRY_JOB), async (c) => {
    const job = await findJob(c);
    if (!isTerminal(job.status)) throw new ApiError("job_not_ended", `The job is ${job.status}.`);
    const principal = c.get("principal");
    const body = retryBody(job, await readOptionalJson(c));
    requireJobInReach(principal, body);
    requireFetchable(c.env, body);
    if (job.inputPurgedAt !== null) throw new ApiError("input_purged");
    try {
      return await create(c, { body, repeats: job, callback: await callbackFor(c, body) });
    } catch (error) {
      // While a job uses an upload, only retention removes it.
      const isGone = error instanceof ApiError && error.code === "upload_not_found";
      throw isGone ? new ApiError("input_purged") : error;
    }
  })

  .post("/:id/pin", serve(PIN_JOB), async (c) => {
    const job = await setPinned(database(c.env.DB), c.get("principal"), await findJob(c), true);
    if (job === undefined) throw new ApiError("job_not_found");
    return c.json(await viewOf(c, job));
  })

  .delete("/:id/pin", serve(UNPIN_JOB), async (c) => {
    const job = await setPinned(database(c.env.DB), c.get("principal"), await findJob(c), false);
    if (job === undefined) throw new ApiError("job_not_found");
    return c.json(await viewOf(c, job));
  })

  .delete("/:id", serve(DELETE_JOB), async (c) => {
    const job = await findJob(c);
    if (!(await deleteJob(c.env, c.get("principal"), job)))
      throw new ApiError("job_not_ended", `The job is ${job.status}.`);
    return c.json({ message: "Job deleted successfully" });
  });

async function answerBulk(c: Context<ApiEnv>, change: typeof cancelMany): Promise<Response> {
  const { job_ids } = validate(BulkJobs, await readJson(c), "body");
  const { outcomes, followUp } = await change(c.env, c.get("principal"), job_ids);
  c.executionCtx.waitUntil(followUp);
  const answer: BulkAnswer = { jobs: outcomes };
  return c.json(answer);
}

async function viewOf(c: Context<ApiEnv>, job: JobRow): Promise<JobView> {
  const db = database(c.env.DB);
  const dates = await fileDates(db, job, retentionOf(c.env));
  return toJobView(job, await filesOf(db, job), dates, Date.now());
}

async function create(c: Context<ApiEnv>, job: JobRequest): Promise<Response> {
  const { answer, waiting } = await createJob(
    database(c.env.DB),
    c.get("principal"),
    c.get("creation"),
    job,
    (id) => {
      const created: JobCreated = { job_id: id, status: "queued", message: CREATED_MESSAGE };
      return c.json(created);
    },
  );
  if (waiting !== null) c.executionCtx.waitUntil(announceJob(c.env, job.body.pool, waiting));
  return answer;
}
