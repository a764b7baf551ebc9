import { env } from "cloudflare:workers";
import type { DeliveryList, Problem, WebhookCreated, WebhookList } from "@splatt/shared";
import { expect, it } from "vitest";
import { API_KEY, api, createJob, json } from "../testing/api.ts";

const URL = "https://receiver.example.org/hook";
const create = (body: object = { url: URL }) => json<WebhookCreated>(api("POST", "/webhooks", body));

it("shows the secret once", async () => {
  const { secret, webhook_id, ...created } = await create();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const { webhooks } = await json<WebhookList>(api("GET", "/webhooks"));
  expect(webhooks).toContainEqual({ webhook_id, ...created });
  expect(JSON.stringify(await json(api("GET", `/webhooks/${webhook_id}`)))).not.toContain("whsec_");
  await json(api("DELETE", `/webhooks/${webhook_id}`));
  expect((await api("GET", `/webhooks/${webhook_id}`)).status).toBe(404);
});

it.each<[string, object]>([
  ["url", {}],
  ["url", { url: "https://127.0.0.1/" }],
  ["url", { url: "https://metadata.google.internal/" }],
  ["url", { url: "https://example.com:8443/" }],
  ["url", { url: "http://receiver.example.org/" }],
  ["url", { url: `https://receiver.example.org/${"a".repeat(5000)}` }],
  ["url", { url: 5 }],
  ["events", { url: URL, events: [] }],
  ["events", { url: URL, events: ["job.exploded"] }],
  ["events", { url: URL, events: "job.failed" }],
])("answers 422 naming the field %s of %j", async (field, body) => {
  const { detail } = await json<Problem>(api("POST", "/webhooks", body), 422);
  expect(JSON.stringify(detail)).toContain(`["body","${field}"`);
});

it.each(["https://10.0.0.1/", "http://receiver.example.org/", "ftp://receiver.example.org/", "", 7])(
  "creates no job for the callback_url %j",
  async (callback_url) => {
    const body = { task_id: "t", video_url: "https://example.com/v.mp4", callback_url };
    const { detail } = await json<Problem>(api("POST", "/jobs", body), 422);
    expect(JSON.stringify(detail)).toContain(`["body","callback_url"]`);
  },
);

it("takes no more than 32 webhooks of a key", async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, number) => {
      // Every other one with an idempotency key, which is then not used up.
      const headers = number % 2 === 0 ? {} : { "idempotency-key": crypto.randomUUID() };
      return api("POST", "/webhooks", { url: URL }, { "x-api-key": API_KEY, ...headers });
    }),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(32);
  const refused = answers.filter(({ status }) => status !== 200);
  for (const answer of refused) expect(await answer.json()).toMatchObject({ code: "too_many_webhooks" });
  const first = await json<WebhookList>(api("GET", "/webhooks?limit=30"));
  const second = await json<WebhookList>(api("GET", `/webhooks?limit=30&cursor=${first.next_cursor}`));
  const listed = [...first.webhooks, ...second.webhooks];
  expect(listed.map(({ created_at }) => created_at)).toEqual(
    listed
      .map(({ created_at }) => created_at)
      .toSorted()
      .toReversed(),
  );
  expect(new Set(listed.map(({ webhook_id }) => webhook_id)).size).toBe(32);
  expect(second.next_cursor).toBeNull();
  for (const { webhook_id } of listed) await json(api("DELETE", `/webhooks/${webhook_id}`));
});

it.each([
  ["GET", "/webhooks/00000000-0000-4000-8000-000000000000"],
  ["DELETE", "/webhooks/00000000-0000-4000-8000-000000000000"],
  ["GET", "/webhooks/nonsense/deliveries"],
  ["POST", "/webhooks/nonsense/test"],
  ["POST", "/deliveries/nonsense/redeliver"],
  ["POST", `/deliveries/${crypto.randomUUID()}_1_${crypto.randomUUID()}/redeliver`],
  ["GET", "/jobs/nonsense/deliveries"],
])("answers 404 to %s %s", async (method, path) => {
  expect((await api(method, path)).status).toBe(404);
});

it("pages through the history without skipping or repeating", async () => {
  const { webhook_id } = await create();
  const insert = env.DB.prepare(
    `INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at, delivered_at, attempts)
     VALUES (?, 1, ?, 'webhook.test', ?, 1, 1)`,
  );
  // Several of the same millisecond.
  await env.DB.batch(
    Array.from({ length: 25 }, (_, i) => insert.bind(crypto.randomUUID(), webhook_id, Math.floor(i / 5))),
  );
  const seen: string[] = [];
  let cursor = "";
  do {
    const query = cursor === "" ? "limit=4" : `limit=4&cursor=${cursor}`;
    const page = await json<DeliveryList>(api("GET", `/webhooks/${webhook_id}/deliveries?${query}`));
    seen.push(...page.deliveries.map(({ delivery_id }) => delivery_id));
    cursor = page.next_cursor ?? "";
  } while (cursor !== "");
  expect(new Set(seen).size).toBe(25);
  expect(seen).toHaveLength(25);
  expect((await api("GET", `/webhooks/${webhook_id}/deliveries?cursor=nonsense`)).status).toBe(422);
  await json(api("DELETE", `/webhooks/${webhook_id}`));
});

it("finds what is due and what is old along the index, however much history there is", async () => {
  const plan = async (sql: string) =>
    (await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).all<{ detail: string }>()).results.map(
      ({ detail }) => detail,
    );
  const next = await plan(
    `SELECT * FROM webhook_deliveries WHERE receiver = 'r' AND next_attempt_at IS NOT NULL
     ORDER BY next_attempt_at, created_at LIMIT 4`,
  );
  expect(next).toEqual([
    "SEARCH webhook_deliveries USING INDEX webhook_deliveries_pending (receiver=? AND next_attempt_at>?)",
  ]);
});

it("of a key's restrictions, tells only of jobs that the key may see", async () => {
  const insertKey = env.DB.prepare(
    `INSERT INTO api_keys (id, name, key_hash, prefix, scopes, pool, labels, created_at, expires_at, revoked_at)
     VALUES (?1, ?1, ?1, 'p', '[]', ?2, ?3, 0, ?4, ?5)`,
  );
  const insertHook = env.DB.prepare(
    `INSERT INTO webhooks (id, api_key_id, url, events, secret, api_url, created_at)
     VALUES (?1, ?1, 'https://receiver.invalid', '["job.failed"]', 'whsec_AAAA', 'o', 0)`,
  );
  const keys: [string, string | null, string | null, number | null, number | null][] = [
    ["no limit", null, null, null, null],
    ["its pool", "default", null, null, null],
    ["another pool", "other", null, null, null],
    ["its labels", null, '{"a":"1"}', null, null],
    ["more labels", null, '{"a":"1","c":"3"}', null, null],
    ["another value", null, '{"a":"2"}', null, null],
    ["expired", null, null, 1, null],
    ["revoked", null, null, null, 1],
  ];
  await env.DB.batch(keys.flatMap((key) => [insertKey.bind(...key), insertHook.bind(key[0])]));
  const jobId = await createJob();
  await env.DB.prepare(`UPDATE jobs SET labels = '{"a":"1","b":"2"}' WHERE id = ?`).bind(jobId).run();
  await env.DB.prepare("UPDATE jobs SET status = 'failed' WHERE id = ?").bind(jobId).run();
  const { results } = await env.DB.prepare("SELECT receiver FROM webhook_deliveries WHERE subject = ?")
    .bind(jobId)
    .all<{ receiver: string }>();
  expect(results.map(({ receiver }) => receiver).toSorted()).toEqual(["its labels", "its pool", "no limit"]);
  await env.DB.batch(
    ["api_keys", "webhooks", "webhook_deliveries"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  );
});
