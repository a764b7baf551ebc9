import { env } from "cloudflare:workers";
import { afterEach, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { DELETED_AT_ONCE } from "./outbox.ts";
import { EXAMINED_PER_RUN, pruneHistory, WOKEN_PER_RUN, wakeDueReceivers } from "./receiver-sweep.ts";

const db = database(env.DB);
const LONG_AGO = 1;
const NOW = Date.now();

afterEach(async () => {
  await env.DB.batch(
    ["webhook_deliveries", "sweep_cursors"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  );
});

/**
 * Gives each of `receivers` callbacks, the first of them number `from`, `count` deliveries that wait until
 * `nextAttemptAt`.
 */
async function addDeliveries(from: number, receivers: number, nextAttemptAt: number | null, count = 1) {
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < CAST(?1 AS INTEGER)),
     given (start, count) AS (SELECT CAST(?2 AS INTEGER), CAST(?3 AS INTEGER))
     INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at, next_attempt_at)
     SELECT 'job', n, printf('00000000-0000-8000-8000-%012d', start + n / count), 'job.completed', ?4, ?5 FROM numbers, given`,
  )
    .bind(receivers * count, from, count, LONG_AGO, nextAttemptAt)
    .run();
}
const receiver = (number: number) => `00000000-0000-8000-8000-${String(number).padStart(12, "0")}`;

/** Who is woken, run by run. */
async function wokenIn(runs: number): Promise<string[][]> {
  const woken: string[][] = [];
  for (let run = 0; run < runs; run += 1) {
    await wakeDueReceivers(db, NOW, async (receivers) => void woken.push([...receivers]));
  }
  return woken;
}

it("wakes a part of many receivers, and each once before any is woken again", async () => {
  await addDeliveries(0, 2 * WOKEN_PER_RUN + 50, LONG_AGO);
  const woken = await wokenIn(4);
  expect(woken.map(({ length }) => length)).toEqual([WOKEN_PER_RUN, WOKEN_PER_RUN, 50, WOKEN_PER_RUN]);
  expect(new Set(woken.slice(0, 3).flat()).size).toBe(2 * WOKEN_PER_RUN + 50);
  expect(woken[3]).toEqual(woken[0]);
});

it("comes past one with much to get, and past many for which nothing is due", async () => {
  await addDeliveries(0, 1, LONG_AGO, EXAMINED_PER_RUN + 1);
  await addDeliveries(100, EXAMINED_PER_RUN, NOW + 1);
  await addDeliveries(9000, 1, LONG_AGO);
  expect(await wokenIn(3)).toEqual([[receiver(0)], [receiver(9000)], [receiver(0)]]);
});

it("deletes old history of many receivers, a part at a time, and nothing that waits", async () => {
  await addDeliveries(0, EXAMINED_PER_RUN, null);
  await addDeliveries(5000, 1, null, DELETED_AT_ONCE + 1);
  await addDeliveries(9000, 1, LONG_AGO);
  const left: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    await pruneHistory(db, NOW);
    left.push((await env.DB.prepare("SELECT 1 FROM webhook_deliveries").all()).results.length);
  }
  expect(left).toEqual([DELETED_AT_ONCE + 2, 2, 1]);
});
