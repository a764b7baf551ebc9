import { env } from "cloudflare:workers";
import { type JobList, type JobView, MAX_LABELS } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { OWNER } from "../keys/principal.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { listJobs, toFilters } from "./list.ts";

const newWord = () => crypto.randomUUID();

async function ids(query: string): Promise<string[]> {
  return (await json<JobList>(api("GET", `/jobs?${query}`))).jobs.map((job) => job.job_id);
}

/** All pages, followed to the end. */
async function allPages(query: string, limit: number): Promise<{ ids: string[]; pages: number }> {
  const found: string[] = [];
  let pages = 0;
  for (let cursor: string | null = ""; cursor !== null; pages += 1) {
    const page: JobList = await json<JobList>(
      api("GET", `/jobs?${query}&limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`),
    );
    found.push(...page.jobs.map((job) => job.job_id));
    cursor = page.next_cursor;
  }
  return { ids: found, pages };
}

/** Writes many jobs at once. */
async function seed(count: number, columns: { task: string; pool: string; status: string; at: string }) {
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
     INSERT INTO jobs (id, task_id, status, message, filename, source_url, options, pool, priority, rank, created_at, updated_at)
     SELECT lower(hex(randomblob(4)) || '-0000-4000-8000-' || hex(randomblob(6))), ${columns.task}, ${columns.status}, '', 'v.mp4',
       'https://example.com/v.mp4', '{"engine":"builtin"}', ${columns.pool}, 0, n, ${columns.at}, ${columns.at} FROM numbers`,
  ).run();
}

describe("GET /jobs", () => {
  it("finds jobs by task_id, label, pool and status, and by all of them together", async () => {
    const [task, batch, pool] = [newWord(), newWord(), newPool()];
    await mintAgent(pool);
    const labels = { batch, "team/name": "blue = 1" };
    const [a, b, c] = [
      await createJob({ task_id: task, labels }),
      await createJob({ task_id: task, labels: { batch }, pool }),
      await createJob({ labels, pool }),
    ];
    await json(api("POST", `/jobs/${a}/cancel`));
    const cases: [string, string[]][] = [
      [`task_id=${task}`, [b, a]],
      [`label=batch=${batch}`, [c, b, a]],
      [`label=batch%3D${batch}&label=team/name=blue+%3D+1`, [c, a]],
      [`label=batch=${batch}&label=batch=other`, []],
      [`pool=${pool}`, [c, b]],
      [`pool=default&label=batch=${batch}`, [a]],
      [`status=queued&task_id=${task}`, [b]],
      [`status=queued&status=cancelled&task_id=${task}`, [b, a]],
      [`status=cancelled&status=cancelled&label=batch=${batch}`, [a]],
      [`status=queued&pool=${pool}`, [c, b]],
      [`status=failed&pool=${pool}`, []],
      [`task_id=${task}&label=batch=${batch}&pool=${pool}&status=queued`, [b]],
      [`task_id=${task}&status=&pool=&label=&created_after=`, [b, a]],
      [`task_id=${task.toUpperCase()}`, []],
    ];
    for (const [query, wanted] of cases)
      expect({ query, ids: await ids(query) }).toEqual({ query, ids: wanted });
  });

  it("finds jobs by the time of their creation: from the first, before the second", async () => {
    const task = newWord();
    const made = [
      await createJob({ task_id: task }),
      await createJob({ task_id: task }),
      await createJob({ task_id: task }),
    ];
    const day = (n: number) => Date.UTC(2025, 2, n);
    for (const [index, id] of made.entries()) {
      await env.DB.prepare("UPDATE jobs SET created_at = ? WHERE id = ?")
        .bind(day(index + 1), id)
        .run();
    }
    // Times that go with the order of creation, which these now contradict for every other job of the file.
    await env.DB.prepare("DELETE FROM jobs WHERE task_id <> ?").bind(task).run();
    const [first = "", second = "", third = ""] = made;
    const cases: [string, string[]][] = [
      ["created_after=2025-03-02", [third, second]],
      ["created_before=2025-03-02", [first]],
      ["created_after=2025-03-01T00:00:00&created_before=2025-03-03T00:00:00Z", [second, first]],
      ["created_after=2025-03-01T01:00:00%2B01:00", [third, second, first]],
      ["created_after=2025-03-01T01:00:01+01:00", [third, second]],
      ["created_after=2025-03-01T00:00:00.001Z&status=queued", [third, second]],
      ["created_after=2024-01-01", [third, second, first]],
      ["created_before=2024-01-01", []],
      ["created_after=2025-03-04", []],
      ["created_after=2025-03-03&created_before=2025-03-02", []],
    ];
    for (const [query, wanted] of cases)
      expect({ query, ids: await ids(query) }).toEqual({ query, ids: wanted });
  });

  it("counts all jobs and those of statuses, and says null for what is not counted", async () => {
    await createJob({ labels: { counted: "no" } });
    const total = async (query: string) => (await json<JobList>(api("GET", `/jobs?limit=0&${query}`))).total;
    const [all, queued, cancelled] = [
      await total(""),
      await total("status=queued"),
      await total("status=cancelled"),
    ];
    expect(await total("status=queued&status=cancelled")).toBe((queued ?? 0) + (cancelled ?? 0));
    expect(all).toBeGreaterThan(0);
    for (const query of [
      "label=counted=no",
      "task_id=t",
      "pool=default",
      "created_after=2025-01-01",
      "created_before=2025-01-01",
    ]) {
      expect(await total(query)).toBeNull();
    }
  });

  it("pages through any filter without skipping or repeating, also where hardly anything matches", async () => {
    const task = newWord();
    const pool = newPool();
    await mintAgent(pool);
    const old = await createJob({ task_id: task, pool, labels: { rare: task } });
    await seed(4500, {
      task: `'${task}'`,
      pool: "'default'",
      status: "iif(n % 2, 'completed', 'failed')",
      at: String(Date.now()),
    });
    const young = await createJob({ task_id: task, pool, labels: { rare: task } });
    const rare = await allPages(`task_id=${task}&pool=${pool}`, 100);
    expect(rare).toEqual({ ids: [young, old], pages: 3 });
    expect(await allPages(`status=failed&status=completed&pool=${pool}&task_id=${task}`, 7)).toMatchObject({
      ids: [],
    });
    const all = await allPages(`task_id=${task}&status=failed&status=completed&status=queued`, 1000);
    expect([all.ids.length, new Set(all.ids).size]).toEqual([4502, 4502]);
    expect(await allPages(`label=rare=${task}&status=queued`, 1)).toEqual({ ids: [young, old], pages: 2 });
    const statuses = await allPages("status=failed&status=completed", 999);
    expect(new Set(statuses.ids).size).toBe(statuses.ids.length);
  });

  it.each([
    "label=novalue",
    "label==x",
    "label=a b=x",
    `label=${"k".repeat(64)}=x`,
    "label=a=%07",
    `label=a=${"v".repeat(256)}`,
    Array.from({ length: MAX_LABELS + 1 }, (_, n) => `label=k${n}=x`).join("&"),
    "status=queued&status=nonsense",
    "pool=UPPER",
    "created_after=yesterday",
    "created_after=1700000000",
    "created_before=2025-02-29",
    "created_after=2025-04-31T10:00:00Z",
    "created_before=2025-13-01",
    "created_before=2025-01-01T25:00:00",
    "cursor=0",
    "cursor=-1",
    "cursor=1.5",
    "cursor=9007199254740993",
    "cursor=1;DROP",
    `task_id=${"t".repeat(513)}`,
  ])("answers 422 for ?%s", async (query) => {
    expect((await api("GET", `/jobs?${query}`)).status).toBe(422);
  });

  it("takes any number as a cursor, and shows what is older", async () => {
    const id = await createJob();
    expect((await ids("limit=1&cursor=9007199254740991"))[0]).toBe(id);
    expect(await ids("cursor=1")).toEqual([]);
  });

  it("shows a key that is limited to a pool and labels only those", async () => {
    const [pool, team] = [newPool(), newWord()];
    await mintAgent(pool);
    const mine = await createJob({ pool, labels: { team } });
    await createJob({ pool });
    await createJob({ labels: { team } });
    const principal = { ...OWNER, pool, labels: { team } };
    const seen = async (query: object) => {
      const filters = toFilters({ limit: 100, ...query }, principal);
      return (await listJobs(database(env.DB), filters, { limit: 100 })).jobs.map(({ id }) => id);
    };
    expect(await seen({})).toEqual([mine]);
    expect(await seen({ pool })).toEqual([mine]);
    expect(await seen({ status: ["queued", "failed"] })).toEqual([mine]);
    expect(await seen({ pool: "default" })).toEqual([]);
    expect(await seen({ label: [`team=${newWord()}`] })).toEqual([]);
  });
});

describe("labels", () => {
  it("are shown, and go to a retry, and with a deleted job", async () => {
    const labels = { "a.b/c_d-e": "Grüße, 世界 👋", empty: "", constructor: "x" };
    const id = await createJob({ labels });
    expect((await json<JobView>(api("GET", `/jobs/${id}`))).labels).toEqual(labels);
    expect((await json<JobView>(api("GET", `/jobs/${id}/status`))).labels).toEqual(labels);
    expect(await ids(`label=a.b/c_d-e=${encodeURIComponent("Grüße, 世界 👋")}`)).toEqual([id]);
    expect(await ids("label=empty=")).toEqual([id]);
    await json(api("POST", `/jobs/${id}/cancel`));
    const again = await json<{ job_id: string }>(api("POST", `/jobs/${id}/retry`));
    expect(await ids("label=constructor=x")).toEqual([again.job_id, id]);
    await json(api("DELETE", `/jobs/${id}`));
    const left = env.DB.prepare("SELECT count(*) AS n FROM job_labels WHERE label = 'constructor=x'");
    expect(await left.first("n")).toBe(1);
  });

  it("may be changed by a retry", async () => {
    const id = await createJob({ labels: { round: "1" } });
    await json(api("POST", `/jobs/${id}/cancel`));
    const again = await json<{ job_id: string }>(
      api("POST", `/jobs/${id}/retry`, { labels: { round: "2" } }),
    );
    expect((await json<JobView>(api("GET", `/jobs/${again.job_id}`))).labels).toEqual({ round: "2" });
  });

  it.each<[string, unknown]>([
    ["too many", Object.fromEntries(Array.from({ length: MAX_LABELS + 1 }, (_, n) => [`k${n}`, "x"]))],
    ["thousands", Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, "x"]))],
    ["an empty key", { "": "x" }],
    ["a key with =", { "a=b": "x" }],
    ["a key with quotes", { 'a"b': "x" }],
    ["a key that is too long", { ["k".repeat(64)]: "x" }],
    ["a value that is too long", { a: "v".repeat(256) }],
    ["a value with a line break", { a: "x\ny" }],
    ["a number", { a: 1 }],
    ["a list", ["a=b"]],
    ["a text", "a=b"],
  ])("are refused with %s", async (_, labels) => {
    const body = { task_id: "t", video_url: "https://example.com/v.mp4", labels };
    const problem = await json<{ detail: { loc: string[] }[] }>(api("POST", "/jobs", body), 422);
    expect(problem.detail[0]?.loc.slice(0, 2)).toEqual(["body", "labels"]);
  });
});
