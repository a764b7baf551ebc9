import { env } from "cloudflare:workers";
import { and, desc, eq, lt } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { leasedIn, lostBefore, waitingIn } from "../jobs/queue-conditions.ts";
import { createJob } from "../testing/api.ts";
import { database } from "./database.ts";
import { jobs } from "./schema.ts";

async function counts(): Promise<Record<string, number>> {
  const { results } = await env.DB.prepare("SELECT status, jobs FROM job_counts").all<{
    status: string;
    jobs: number;
  }>();
  return Object.fromEntries(results.map((row) => [row.status, row.jobs]));
}

async function actualCounts(): Promise<Record<string, number>> {
  const zero = Object.fromEntries(Object.keys(await counts()).map((status) => [status, 0]));
  const { results } = await env.DB.prepare("SELECT status, count(*) AS jobs FROM jobs GROUP BY status").all<{
    status: string;
    jobs: number;
  }>();
  return { ...zero, ...Object.fromEntries(results.map((row) => [row.status, row.jobs])) };
}

describe("the database", () => {
  it("keeps the counters exact through inserts, changes, no-ops and deletes", async () => {
    const ids = [await createJob(), await createJob(), await createJob()];
    await env.DB.prepare("UPDATE jobs SET status = 'failed' WHERE id IN (?, ?)").bind(ids[0], ids[1]).run();
    await env.DB.prepare("UPDATE jobs SET status = 'failed' WHERE id = ?").bind(ids[0]).run();
    await env.DB.prepare("DELETE FROM jobs WHERE id = ?").bind(ids[1]).run();
    expect(await counts()).toEqual(await actualCounts());
    expect((await counts()).failed).toBe(1);
  });

  it("writes one event per change of status or lease, and none for progress", async () => {
    const id = await createJob();
    const set = (change: string) => env.DB.prepare(`UPDATE jobs SET ${change} WHERE id = ?`).bind(id).run();
    await set("lease_id = 'a', attempt = 1");
    await set("progress = 10, message = 'x'");
    await set("status = 'training'");
    await set("status = 'training', lease_id = 'a'");
    await set("status = 'queued', lease_id = NULL");
    const { results } = await env.DB.prepare(
      "SELECT number, status FROM job_events WHERE job_id = ? ORDER BY number",
    )
      .bind(id)
      .all();
    expect(results).toEqual([
      { number: 1, status: "queued" },
      { number: 2, status: "queued" },
      { number: 3, status: "training" },
      { number: 4, status: "queued" },
    ]);
  });

  const db = database(env.DB);
  it.each([
    [
      "the next job of a pool, in order",
      db.select().from(jobs).where(waitingIn("p", "auto")).orderBy(jobs.rank).limit(1),
      "SEARCH jobs USING INDEX jobs_queue (pool=? AND engine=?)",
    ],
    [
      "the leased jobs of a pool",
      db.select().from(jobs).where(leasedIn("p")),
      "SEARCH jobs USING INDEX jobs_leased (pool=?)",
    ],
    [
      "the jobs of a pool that lost their agents long ago",
      db.select().from(jobs).where(lostBefore("p", 9)),
      "SEARCH jobs USING INDEX jobs_lost (pool=? AND next_attempt_at<?)",
    ],
    [
      "a job by its id",
      db.select().from(jobs).where(eq(jobs.id, "x")),
      "SEARCH jobs USING INDEX jobs_id (id=?)",
    ],
    [
      "a page of jobs of one status, newest first",
      db
        .select()
        .from(jobs)
        .where(and(eq(jobs.status, "failed"), lt(jobs.seq, 9)))
        .orderBy(desc(jobs.seq)),
      "SEARCH jobs USING INDEX jobs_status (status=? AND rowid<?)",
    ],
    [
      "the jobs that use an upload",
      db.select().from(jobs).where(eq(jobs.uploadId, "u")),
      "SEARCH jobs USING INDEX jobs_upload (upload_id=?)",
    ],
  ])("finds %s along an index, without a scan or a sort", async (_, query, plan) => {
    const { sql, params } = query.toSQL();
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    expect(results.map((row) => row.detail)).toEqual([plan]);
  });
});
