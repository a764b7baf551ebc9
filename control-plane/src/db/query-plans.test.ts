import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { api, json } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { seedRows } from "../testing/seed-rows.ts";
import { type MeteredQuery, StoreMeter } from "../testing/store-meter.ts";
import { get, liveThroughAll, PLACE } from "../testing/whole-life.ts";

/** Each is as long as there are agents, keys, statuses or jobs that run now, however many jobs there have been. */
const SHORT = [
  /^SCAN json_each /,
  /^SCAN claims /,
  /^SCAN (agents|api_keys)$/,
  /^SCAN job_counts$/,
  /^SCAN jobs USING (COVERING )?INDEX jobs_(leased|lost)$/,
  /^SCAN CONSTANT ROW$/,
  // The list's candidates, at most 2,000; and the twenty steps of its binary search.
  /^SCAN (candidate|search|\(subquery-\d+\))$/,
  // Uploads of attempts that run.
  /^SCAN result_uploads$/,
  // Jobs that run, or ended within the hour.
  /^SCAN result_sweeps$/,
  // The receivers that one run looks at, and registered webhooks.
  /^SCAN (receivers|examined VIRTUAL TABLE INDEX 1:|webhooks)$/,
  // Deliveries that wait are counted up to 10,000.
  /^SCAN (pending|webhook_deliveries USING COVERING INDEX webhook_deliveries_pending)$/,
  // One row for each thing that is wrong now; and for each pool.
  /^SCAN alarms$/,
  /^SCAN (of_jobs|pools VIRTUAL TABLE INDEX 1:)$/,
  /^SCAN signing_secrets$/,
];
/** How `passTime` makes it later; the Worker has no such query. */
const OF_THE_TEST = /^UPDATE jobs SET next_attempt_at/;
/** A page of everything, newest first, follows the table or its index, and ends with the page. */
const PAGE =
  /order by ("(jobs|audit_events)"\."seq" desc|"(uploads|shares)"\."created_at" desc, "\w+"\."id" desc) limit/;

/** Every job that waits, or that has ended: half of the table. */
const OF_A_STATUS = /^SEARCH jobs USING .*INDEX jobs_status \(status=\?\)/;

let meter: StoreMeter;
beforeEach(() => {
  meter = StoreMeter.attach();
});
afterEach(() => meter.detach());

async function plan({ sql, params }: MeteredQuery): Promise<string[]> {
  const explained = env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...params);
  return (await explained.all<{ detail: string }>()).results.map(({ detail }) => detail);
}

/** More than any query reads: a page of a list looks at up to 2,000 jobs. */
const MOST_READ = 5000;

it("no query of a job's life grows with the number of jobs", async () => {
  const pool = newPool();
  await seedRows(env.DB, pool, 2.5 * MOST_READ);
  meter.reset();
  await liveThroughAll(pool);
  const distinct = new Map(meter.queries.map((query) => [query.sql, query]));
  meter.detach();
  const long: { sql: string; steps: string[] }[] = [];
  for (const query of distinct.values()) {
    if (OF_THE_TEST.test(query.sql)) continue;
    const steps = (await plan(query)).filter(
      (step) =>
        (step.startsWith("SCAN") && !SHORT.some((short) => short.test(step)) && !PAGE.test(query.sql)) ||
        OF_A_STATUS.test(step) ||
        (step.includes("TEMP B-TREE") && / from "(jobs|audit_events|uploads)"/.test(query.sql)),
    );
    if (steps.length > 0) long.push({ sql: query.sql.slice(0, 300), steps });
  }
  expect(distinct.size).toBeGreaterThan(40);
  // Plans do not tell how many rows a query tests along an index, nor what its triggers read.
  const wide = meter.queries.filter(({ sql, rowsRead }) => rowsRead > MOST_READ && !OF_THE_TEST.test(sql));
  expect(wide).toEqual([]);
  expect(long).toEqual([]);
});

it("a key's open uploads are found among the open ones, not among all of the key's", async () => {
  const { key } = await json<{ key: string }>(api("POST", "/keys", { name: "k", scopes: ["jobs:read"] }));
  for (const path of ["/uploads?status=open", `/uploads?status=open&cursor=${PLACE}`]) await get(path, key);
  const lists = meter.queries.filter(({ sql }) => sql.includes('from "uploads"'));
  meter.detach();
  const plans = await Promise.all(lists.map(plan));
  expect(plans.map(([step]) => step)).toEqual([
    "SCAN uploads USING INDEX uploads_open",
    "SEARCH uploads USING INDEX uploads_open ((created_at,id)<(?,?))",
  ]);
});
