import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { DeliveryList, DeliveryView, WebhookCreated, WebhookView } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runScheduled } from "../maintenance/scheduled.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, newPool } from "../testing/dispatch.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { mintKey } from "../testing/keys.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";
import type { WebhookSender } from "./webhook-sender.ts";

const receiver = new FakeReceiver("https://receiver.example.org");
beforeEach(() => receiver.attach());
afterEach(() => receiver.detach());

async function subscribe(events?: readonly string[], path = ""): Promise<WebhookCreated> {
  const url = `${receiver.origin}/${path}`;
  return json(api("POST", "/webhooks", { url, ...(events && { events }) }));
}
const senderOf = (id: string) =>
  env.WEBHOOK_SENDER.getByName(id) as unknown as DurableObjectStub<WebhookSender>;
const unsubscribe = (id: string) => json(api("DELETE", `/webhooks/${id}`));
const deliveries = async (id: string) =>
  (await json<DeliveryList>(api("GET", `/webhooks/${id}/deliveries`))).deliveries;

/** Waits until a webhook's only delivery looks as expected. */
async function deliveryBecomes(id: string, expected: Partial<DeliveryView>): Promise<DeliveryView> {
  await expect.poll(() => deliveries(id)).toMatchObject([expected]);
  const [delivery] = await deliveries(id);
  if (delivery === undefined) throw new Error("no delivery");
  return delivery;
}

/** Makes the next attempt due, and fires the alarm. The sender may be about to set it when an attempt is recorded. */
async function retryNow(id: string): Promise<void> {
  await env.DB.prepare(
    "UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE next_attempt_at IS NOT NULL",
  ).run();
  await runInDurableObject(senderOf(id), (sender) => sender.alarm());
}

/** Runs a job of a new agent until it fails for good. */
async function failedJob(fields: Record<string, unknown> = {}): Promise<string> {
  const pool = newPool();
  const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
  const jobId = await createJob({ pool, ...fields });
  const fence = await agent.takeJob();
  await agent.stage(fence, 1, "training");
  agent.fail(fence, 2, "source_not_found");
  await agent.next("ack");
  return jobId;
}

describe("a webhook", () => {
  it("of a key that never expires gets deliveries, like the owner's", async () => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"]);
    const body = { url: receiver.origin, events: ["job.cancelled"] };
    const { webhook_id } = await json<WebhookCreated>(api("POST", "/webhooks", body, headers));
    const pool = newPool();
    await mintAgent(pool);
    const jobId = await createJob({ pool });
    await json(api("POST", `/jobs/${jobId}/cancel`));
    await deliveryBecomes(webhook_id, { state: "delivered", error: null });
    await unsubscribe(webhook_id);
  });

  it("gets every change once, in order, signed", async () => {
    const all = ["job.started", "job.stage", "job.completed", "job.failed", "job.cancelled"];
    const { webhook_id, secret } = await subscribe(all);
    const { agent, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "downloading_video");
    await agent.stage(fence, 2, "training");
    await agent.complete(fence, 3);
    await agent.next("ack");
    await expect.poll(() => receiver.bodies().length).toBe(4);
    const told = receiver.bodies().map(({ type, data }) => [type, data.status, data.job_id]);
    expect(told.toSorted()).toEqual(
      [
        ["job.started", "downloading_video", jobId],
        ["job.stage", "downloading_video", jobId],
        ["job.stage", "training", jobId],
        ["job.completed", "completed", jobId],
      ].toSorted(),
    );
    const sequences = receiver.bodies().map(({ data }) => data.sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(receiver.verified(secret)).toHaveLength(4);
    expect(receiver.bodies()[3]?.data.links).toEqual({
      job: `https://splatt.test/jobs/${jobId}`,
      status: `https://splatt.test/jobs/${jobId}/status`,
    });
    await expect
      .poll(async () => (await deliveries(webhook_id)).map(({ state }) => state))
      .toEqual(Array.from({ length: 4 }, () => "delivered"));
    await unsubscribe(webhook_id);
  });

  it("hears only of the events that it asked for, by default of a job's end", async () => {
    const { webhook_id, events } = await subscribe();
    expect(events).toEqual(["job.completed", "job.failed", "job.cancelled"]);
    const jobId = await failedJob();
    await expect
      .poll(() => receiver.bodies())
      .toMatchObject([
        {
          type: "job.failed",
          data: { job_id: jobId, task_id: "t-1", error_code: "source_not_found", attempt: 1, progress: 0 },
        },
      ]);
    expect(receiver.bodies()[0]?.data.error).toContain("It says no.");
    await unsubscribe(webhook_id);
  });

  it("hears of a cancelled job", async () => {
    const { webhook_id } = await subscribe();
    const jobId = await createJob({ pool: (await agentWithJob()).pool });
    await json(api("POST", `/jobs/${jobId}/cancel`));
    await expect
      .poll(() => receiver.bodies())
      .toMatchObject([{ type: "job.cancelled", data: { job_id: jobId } }]);
    await unsubscribe(webhook_id);
  });

  it("costs a job without subscribers nothing", async () => {
    await failedJob();
    const { results } = await env.DB.prepare("SELECT * FROM webhook_deliveries").all();
    expect(results).toEqual([]);
  });

  it("gets an event again after 5 s, with the same id, when its receiver fails", async () => {
    const { webhook_id, secret } = await subscribe();
    receiver.answers = [500];
    await failedJob();
    const failed = await deliveryBecomes(webhook_id, { state: "pending", attempts: 1, response_status: 500 });
    expect(failed.error).toBe("It answered 500.");
    const alarm = () => runInDurableObject(senderOf(webhook_id), (_, { storage }) => storage.getAlarm());
    await expect.poll(alarm).not.toBeNull();
    const at = await alarm();
    expect(at).toBeGreaterThanOrEqual((receiver.requests[0]?.at ?? 0) + 5000);
    expect(at).toBeLessThanOrEqual(Date.now() + 5000);
    expect(await json<WebhookView>(api("GET", `/webhooks/${webhook_id}`))).toMatchObject({
      failing_since: expect.any(String),
    });
    await retryNow(webhook_id);
    await deliveryBecomes(webhook_id, { state: "delivered", attempts: 2, response_status: 204, error: null });
    const ids = receiver.requests.map(({ headers }) => headers.get("webhook-id"));
    expect(ids).toEqual([failed.delivery_id, failed.delivery_id]);
    expect(receiver.verified(secret)).toHaveLength(2);
    expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
    expect(await json<WebhookView>(api("GET", `/webhooks/${webhook_id}`))).toMatchObject({
      failing_since: null,
    });
    await unsubscribe(webhook_id);
  });

  it("gives an event up after the ninth attempt", async () => {
    const { webhook_id } = await subscribe();
    receiver.answers = Array.from({ length: 20 }, () => 503);
    await failedJob();
    for (let attempts = 1; attempts < 9; attempts += 1) {
      await deliveryBecomes(webhook_id, { state: "pending", attempts });
      await retryNow(webhook_id);
    }
    await deliveryBecomes(webhook_id, { state: "given_up", attempts: 9, next_attempt_at: null });
    await unsubscribe(webhook_id);
  });

  it.each([301, 302, 307, 308])(
    "takes a redirect (%i) for a failure, and does not follow it",
    async (status) => {
      const { webhook_id } = await subscribe();
      receiver.answers = [status];
      await failedJob();
      await deliveryBecomes(webhook_id, {
        state: "pending",
        error: `It answered with a redirect (${status}), which is not followed.`,
      });
      expect(receiver.requests).toHaveLength(1);
      await unsubscribe(webhook_id);
    },
  );

  it("does not wait longer than 15 s, and reads no body", async () => {
    const { webhook_id } = await subscribe();
    receiver.answers = ["hangs"];
    const limits: number[] = [];
    const { setTimeout: real } = globalThis;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, ms: number) => {
      if (ms === 15_000) limits.push(ms);
      return real(act, ms === 15_000 ? 1 : ms);
    }) as typeof setTimeout);
    await failedJob();
    await deliveryBecomes(webhook_id, { state: "pending", error: "No answer within 15 s." });
    vi.mocked(setTimeout).mockRestore();
    expect(limits).toEqual([15_000]);
    await unsubscribe(webhook_id);
  });

  it("is switched off by 410 Gone, and on again by a test that succeeds", async () => {
    const { webhook_id } = await subscribe();
    receiver.answers = [410];
    await failedJob();
    await deliveryBecomes(webhook_id, { state: "given_up", attempts: 1, response_status: 410 });
    const view = () => json<WebhookView>(api("GET", `/webhooks/${webhook_id}`));
    await expect.poll(async () => (await view()).disabled_at).toEqual(expect.any(String));
    await failedJob();
    expect(await deliveries(webhook_id)).toHaveLength(1);
    const test = await json<DeliveryView>(api("POST", `/webhooks/${webhook_id}/test`));
    expect(test).toMatchObject({ event: "webhook.test", state: "pending", job_id: null });
    await expect.poll(async () => (await view()).disabled_at).toBeNull();
    expect(receiver.bodies().at(-1)).toMatchObject({ type: "webhook.test", data: { webhook_id } });
    await unsubscribe(webhook_id);
  });

  it("hears nothing of a deleted job", async () => {
    const { webhook_id } = await subscribe();
    receiver.answers = [500];
    const jobId = await failedJob();
    await deliveryBecomes(webhook_id, { state: "pending", attempts: 1 });
    await json(api("DELETE", `/jobs/${jobId}`));
    expect(await deliveries(webhook_id)).toEqual([]);
    await retryNow(webhook_id);
    expect(receiver.requests).toHaveLength(1);
    await unsubscribe(webhook_id);
  });

  it("hears nothing after it was deleted", async () => {
    const { webhook_id } = await subscribe();
    receiver.answers = [500];
    await failedJob();
    await deliveryBecomes(webhook_id, { state: "pending", attempts: 1 });
    await unsubscribe(webhook_id);
    await retryNow(webhook_id);
    await failedJob();
    expect(receiver.requests).toHaveLength(1);
    expect((await api("GET", `/webhooks/${webhook_id}/deliveries`)).status).toBe(404);
  });

  it("can be deleted with a long history, which nobody sees from then on", async () => {
    const { webhook_id } = await subscribe();
    const jobId = await createJob();
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2200)
       INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at) SELECT ?, n, ?, 'job.stage', ? FROM numbers`,
    )
      .bind(jobId, webhook_id, Date.now())
      .run();
    const left = async () =>
      (await env.DB.prepare("SELECT count(*) AS n FROM webhook_deliveries").first<{ n: number }>())?.n;
    const before = (await left()) ?? 0;
    await unsubscribe(webhook_id);
    expect(await left()).toBe(before - 2000);
    const seen = await json<DeliveryList>(api("GET", `/jobs/${jobId}/deliveries`));
    expect(seen.deliveries).toEqual([]);
    await runScheduled(env);
    expect(await left()).toBe(before - 2200);
  });

  it("gets what its sender missed from the scheduled handler", async () => {
    const { webhook_id } = await subscribe();
    const jobId = await createJob({ pool: "default" });
    await env.DB.prepare("UPDATE jobs SET status = 'failed', updated_at = 1 WHERE id = ?").bind(jobId).run();
    expect(receiver.requests).toEqual([]);
    await runScheduled(env);
    await expect.poll(() => receiver.bodies()).toMatchObject([{ data: { job_id: jobId } }]);
    await unsubscribe(webhook_id);
  });

  it("gets the later event of a job only after the earlier one, unless that fails for long", async () => {
    const { webhook_id } = await subscribe(["job.stage", "job.failed"]);
    receiver.answers = [500, 500, 500];
    await failedJob();
    await expect
      .poll(async () => (await deliveries(webhook_id)).map(({ attempts }) => attempts).toSorted())
      .toEqual([0, 1]);
    await retryNow(webhook_id);
    expect(receiver.bodies().map(({ type }) => type)).toEqual(["job.stage", "job.stage"]);
    await retryNow(webhook_id);
    await expect
      .poll(() => receiver.bodies().map(({ type }) => type))
      .toEqual(["job.stage", "job.stage", "job.stage", "job.failed"]);
    await unsubscribe(webhook_id);
  });

  it("gets an event once more when asked", async () => {
    const { webhook_id } = await subscribe();
    await failedJob();
    const { delivery_id } = await deliveryBecomes(webhook_id, { state: "delivered" });
    const again = await json<DeliveryView>(api("POST", `/deliveries/${delivery_id}/redeliver`));
    expect(again).toMatchObject({ delivery_id, state: "pending", attempts: 0, response_status: null });
    await expect.poll(() => receiver.requests.length).toBe(2);
    await deliveryBecomes(webhook_id, { state: "delivered", attempts: 1 });
    await unsubscribe(webhook_id);
  });

  it("forgets its history after 30 days", async () => {
    const { webhook_id } = await subscribe();
    await failedJob();
    await deliveryBecomes(webhook_id, { state: "delivered" });
    await runScheduled(env);
    expect(await deliveries(webhook_id)).toHaveLength(1);
    await env.DB.prepare("UPDATE webhook_deliveries SET created_at = 1").run();
    await runScheduled(env);
    expect(await deliveries(webhook_id)).toEqual([]);
    await unsubscribe(webhook_id);
  });
});

describe("a slow receiver", () => {
  it("delays no other", async () => {
    const slow = await subscribe(undefined, "slow");
    const other = await subscribe(undefined, "other");
    receiver.answerFor = ({ url }) => (url.endsWith("/slow") ? "hangs" : 204);
    await failedJob();
    await deliveryBecomes(other.webhook_id, { state: "delivered" });
    expect(await deliveries(slow.webhook_id)).toMatchObject([{ state: "pending" }]);
    await unsubscribe(other.webhook_id);
    await unsubscribe(slow.webhook_id);
  });
});

describe("a callback_url", () => {
  const jobDeliveries = async (id: string) =>
    (await json<DeliveryList>(api("GET", `/jobs/${id}/deliveries`))).deliveries;
  const callback_url = `${receiver.origin}/callback`;

  it("gets its job's end, signed with the key's secret", async () => {
    const jobId = await failedJob({ callback_url });
    await failedJob();
    await expect
      .poll(() => jobDeliveries(jobId))
      .toMatchObject([{ state: "delivered", event: "job.failed" }]);
    const { secret } = await json<{ secret: string }>(api("GET", "/webhooks/callback-secret"));
    expect(await json(api("GET", "/webhooks/callback-secret"))).toEqual({ secret });
    expect(receiver.verified(secret)).toMatchObject([{ data: { job_id: jobId } }]);
    expect(receiver.requests).toHaveLength(1);
  });

  it("gets the events that callback_events names, also for a retry", async () => {
    const jobId = await failedJob({ callback_url, callback_events: ["job.started"] });
    await expect.poll(() => receiver.bodies()).toMatchObject([{ type: "job.started" }]);
    const again = await json<{ job_id: string }>(api("POST", `/jobs/${jobId}/retry`));
    const dropped = await json<{ job_id: string }>(
      api("POST", `/jobs/${jobId}/retry`, { callback_url: null }),
    );
    const callbackOf = async (id: string) =>
      JSON.parse(
        (await env.DB.prepare("SELECT callback FROM jobs WHERE id = ?").bind(id).first("callback")) ?? "null",
      );
    expect(await callbackOf(again.job_id)).toMatchObject({ url: callback_url, events: ["job.started"] });
    expect(await callbackOf(dropped.job_id)).toBeNull();
  });

  it("that answers 410 Gone gets no more events of this job", async () => {
    receiver.answers = [410];
    const jobId = await failedJob({ callback_url, callback_events: ["job.stage", "job.failed"] });
    const stateOf = async (wanted: string) =>
      (await jobDeliveries(jobId)).find(({ event }) => event === wanted)?.state;
    await expect.poll(() => stateOf("job.stage")).toBe("given_up");
    // It may have been recorded before the answer.
    await expect.poll(() => stateOf("job.failed")).not.toBe("pending");
    expect(receiver.requests).toHaveLength(1);
  });
});

describe("a key's webhooks", () => {
  it("do not exist for another key, and neither do their deliveries", async () => {
    const [own, other] = [await mintKey(["jobs:read"]), await mintKey(["jobs:read", "jobs:write"])];
    const url = `${receiver.origin}/own`;
    const { webhook_id } = await json<WebhookCreated>(api("POST", "/webhooks", { url }, own.headers));
    const jobId = await failedJob();
    const { delivery_id } = await deliveryBecomes(webhook_id, { state: "delivered" });
    for (const [method, path] of [
      ["GET", `/webhooks/${webhook_id}`],
      ["GET", `/webhooks/${webhook_id}/deliveries`],
      ["POST", `/webhooks/${webhook_id}/test`],
      ["DELETE", `/webhooks/${webhook_id}`],
      ["POST", `/deliveries/${delivery_id}/redeliver`],
    ] as const) {
      expect((await api(method, path, undefined, other.headers)).status, path).toBe(404);
    }
    const seenBy = async (headers: Record<string, string>) =>
      (await json<DeliveryList>(api("GET", `/jobs/${jobId}/deliveries`, undefined, headers))).deliveries
        .length;
    expect([await seenBy(own.headers), await seenBy(other.headers)]).toEqual([1, 0]);
    expect(await json(api("GET", "/webhooks", undefined, other.headers))).toMatchObject({ webhooks: [] });
    await unsubscribe(webhook_id);
  });

  it.each([
    ["revoked", (id: string) => json(api("DELETE", `/keys/${id}`))],
    [
      "expired",
      (id: string) => env.DB.prepare("UPDATE api_keys SET expires_at = 1 WHERE id = ?").bind(id).run(),
    ],
  ])("send nothing that is pending once the key is %s", async (_, end) => {
    const { headers, key_id } = await mintKey(["jobs:read"]);
    const url = `${receiver.origin}/own`;
    const { webhook_id } = await json<WebhookCreated>(api("POST", "/webhooks", { url }, headers));
    receiver.answers = [500];
    await failedJob();
    await deliveryBecomes(webhook_id, { state: "pending", attempts: 1 });
    await end(key_id);
    await retryNow(webhook_id);
    await deliveryBecomes(webhook_id, { state: "given_up", attempts: 1 });
    expect(receiver.requests).toHaveLength(1);
    await unsubscribe(webhook_id);
  });

  it("show what a callback that is gone was sent", async () => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"]);
    receiver.answers = [410];
    const pool = newPool();
    await mintAgent(pool);
    const body = {
      task_id: "t",
      video_url: "https://example.com/v.mp4",
      callback_url: `${receiver.origin}/callback`,
      pool,
    };
    const { job_id } = await json<{ job_id: string }>(api("POST", "/jobs", body, headers));
    await json(api("POST", `/jobs/${job_id}/cancel`, undefined, headers));
    await expect
      .poll(() => json<DeliveryList>(api("GET", `/jobs/${job_id}/deliveries`, undefined, headers)))
      .toMatchObject({ deliveries: [{ state: "given_up", response_status: 410 }] });
  });
});
