import { env } from "cloudflare:workers";
import type { AuditList, BulkAnswer } from "@splatt/shared";
import { lte } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { tombstones } from "../db/schema.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { agentWithJob, newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";
import { StoreMeter } from "../testing/store-meter.ts";

const NOBODY = "00000000-0000-4000-8000-000000000000";

function bulk(action: "cancel" | "delete", job_ids: readonly string[], headers?: Record<string, string>) {
  return json<BulkAnswer>(api("POST", `/jobs/${action}`, { job_ids }, headers));
}

async function poolWithAgent(): Promise<string> {
  const pool = newPool();
  await mintAgent(pool);
  return pool;
}

async function createJobs(count: number, fields: Record<string, unknown>): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => createJob(fields)));
}

describe("POST /jobs/cancel", () => {
  it("answers for each job once, in the order of the request", async () => {
    const [waiting = ""] = await createJobs(1, { pool: await poolWithAgent() });
    const { jobId: completed } = await completedJob();
    const answer = await bulk("cancel", [completed, waiting.toUpperCase(), NOBODY, waiting]);
    expect(answer.jobs).toEqual([
      { job_id: completed, done: false, status: "completed", code: "job_ended" },
      { job_id: waiting, done: true, status: "cancelled", code: null },
      { job_id: NOBODY, done: false, status: null, code: "job_not_found" },
    ]);
    expect((await bulk("cancel", [waiting])).jobs).toMatchObject([{ done: true, status: "cancelled" }]);
  });

  it("stops the agents, discards what they had uploaded, and assigns the next job", async () => {
    const { pool, agent, fence, jobId } = await agentWithJob();
    await agent.upload(fence, "transforms.json", "{}");
    const [next] = await createJobs(1, { pool });
    await bulk("cancel", [jobId]);
    expect(await agent.next("job.cancel")).toMatchObject({ fence });
    expect((await agent.next("job.assign")).fence.job_id).toBe(next);
    await expect.poll(async () => (await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects).toEqual([]);
  });

  it("takes 1 to 100 ids", async () => {
    await json(api("POST", "/jobs/cancel", { job_ids: [] }), 422);
    await json(api("POST", "/jobs/cancel", { job_ids: Array.from({ length: 101 }, () => NOBODY) }), 422);
    await json(api("POST", "/jobs/cancel", { job_ids: ["x"] }), 422);
    await json(api("POST", "/jobs/cancel", {}), 422);
    const extra = await json<BulkAnswer>(api("POST", "/jobs/cancel", { job_ids: [NOBODY], force: true }));
    expect(extra.warnings).toEqual([expect.stringContaining("force")]);
  });

  it("asks the stores as often for a hundred jobs as for one", async () => {
    const pool = await poolWithAgent();
    const [one = "", ...hundred] = await createJobs(101, { pool });
    const queriesOf = async (ids: readonly string[], action: "cancel" | "delete") => {
      const meter = StoreMeter.attach();
      await bulk(action, ids);
      meter.detach();
      return meter.queries.length;
    };
    for (const action of ["cancel", "delete"] as const) {
      const forOne = await queriesOf([one], action);
      expect(forOne).toBeGreaterThan(0);
      expect(await queriesOf(hundred, action)).toBeLessThanOrEqual(forOne + 2);
    }
    // A scheduled run removes 50, and those after it are to find their own.
    for (let run = 0; run < 3; run += 1) await purgeLeftovers(database(env.DB), env.BUCKET, Date.now());
  });
});

/** Purges until nothing is due. One run removes only a batch, and earlier tests have deleted more jobs than that. */
async function purgeAll(): Promise<void> {
  const db = database(env.DB);
  do await purgeLeftovers(db, env.BUCKET, Date.now());
  while ((await db.$count(tombstones, lte(tombstones.purgeAt, Date.now()))) > 0);
}

describe("POST /jobs/delete", () => {
  it("deletes those that have ended, at once, and leaves their files to the purge", async () => {
    const { jobId, agent } = await completedJob();
    const [running = ""] = await createJobs(1, { pool: await poolWithAgent() });
    const answer = await bulk("delete", [jobId, running, NOBODY]);
    expect(answer.jobs).toEqual([
      { job_id: jobId, done: true, status: null, code: null },
      { job_id: running, done: false, status: "queued", code: "job_not_ended" },
      { job_id: NOBODY, done: false, status: null, code: "job_not_found" },
    ]);
    await json(api("GET", `/jobs/${jobId}/status`), 404);
    await json(api("GET", `/jobs/${jobId}/events`), 404);
    expect(await agent.next("job.forget")).toMatchObject({ job_id: jobId });
    const objects = async () => (await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects;
    expect(await objects()).not.toEqual([]);
    await purgeAll();
    expect(await objects()).toEqual([]);
  });

  it("lets the purge remove the video that no job uses any more, and no other", async () => {
    const uploadVideo = async () => {
      const upload = await json<{ upload_id: string }>(
        api("POST", "/uploads", { filename: "v.mp4", size: 4 }),
      );
      const part = { "x-api-key": "test-key", "content-length": "4" };
      await json(api("PUT", `/uploads/${upload.upload_id}/parts/1`, new Uint8Array(4), part));
      await json(api("POST", `/uploads/${upload.upload_id}/complete`));
      return upload.upload_id;
    };
    const [alone, shared] = [await uploadVideo(), await uploadVideo()];
    const create = async (upload_id: string) =>
      (await json<{ job_id: string }>(api("POST", "/jobs", { task_id: "t", upload_id }))).job_id;
    const ids = [await create(alone), await create(shared)];
    await create(shared);
    await bulk("cancel", ids);
    await bulk("delete", ids);
    await purgeAll();
    await json(api("GET", `/uploads/${alone}`), 404);
    await json(api("GET", `/uploads/${shared}`));
  });

  it("is recorded in the audit, job by job", async () => {
    const ids = await createJobs(2, { pool: await poolWithAgent() });
    const { key_id, headers } = await mintKey(["jobs:write"]);
    await bulk("cancel", ids);
    await bulk("delete", [...ids, NOBODY], headers);
    const { events } = await json<AuditList>(api("GET", "/audit?limit=10"));
    const deleted = events.filter(({ action }) => action === "job.deleted").slice(0, 2);
    expect(new Set(deleted.map(({ subject }) => subject))).toEqual(new Set(ids));
    expect(deleted.every((event) => event.key_id === key_id)).toBe(true);
    expect(events.some(({ subject }) => subject === NOBODY)).toBe(false);
  });
});

it.each(["cancel", "delete"] as const)(
  "a restricted key reaches only its own jobs with %s",
  async (action) => {
    const pool = await poolWithAgent();
    const [own = ""] = await createJobs(1, { pool, labels: { team: "a" } });
    const others = [
      ...(await createJobs(1, { pool })),
      ...(await createJobs(1, { pool: await poolWithAgent(), labels: { team: "a" } })),
    ];
    await bulk("cancel", action === "delete" ? [own, ...others] : [NOBODY]);
    const { headers } = await mintKey(["jobs:read", "jobs:write"], { pool, labels: { team: "a" } });
    const { jobs } = await bulk(action, [own, ...others], headers);
    expect(jobs.map(({ done, code }) => [done, code])).toEqual([
      [true, null],
      [false, "job_not_found"],
      [false, "job_not_found"],
    ]);
    for (const id of others) await json(api("GET", `/jobs/${id}/status`));
    const reader = await mintKey(["jobs:read"]);
    await json(api("POST", `/jobs/${action}`, { job_ids: [own] }, reader.headers), 403);
  },
);
