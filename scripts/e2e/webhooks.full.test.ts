import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import type { DeliveryList, DeliveryView, WebhookCreated, WebhookView } from "@splatt/shared";
import { Splatt } from "splatt";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ScriptedAgent } from "./scripted-agent.ts";
import { accepts, fails, floods, neverAnswers, redirectsTo, WebhookReceiver } from "./webhook-receiver.ts";

/** Webhooks from a real control plane to real receivers, good and bad ones. */

const API_KEY = "webhooks-e2e-key";
/** Shorter than the minute after which the scheduled handler runs again. */
const PATIENT = { timeout: 30_000 };
const JOB = { task_id: "t", video_url: "https://example.com/v.mp4" };

let dataDir: string;
let controlPlane: ControlPlaneProcess;
let client: Splatt;
let resources: AsyncDisposableStack;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-webhooks-"));
  resources = new AsyncDisposableStack();
  await start();
});
afterEach(async () => {
  await controlPlane.stop();
  await resources.disposeAsync();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const sources = { allowHttp: true, allowHosts: ["127.0.0.1"] };
  controlPlane = await ControlPlaneProcess.start({ dataDir, apiKey: API_KEY, sources }, () => undefined);
  client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
}

async function receiver(answer = accepts): Promise<WebhookReceiver> {
  return resources.use(await WebhookReceiver.start(answer));
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(new URL(path, controlPlane.url), {
    method,
    headers: { "x-api-key": API_KEY },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const subscribe = ({ url }: WebhookReceiver, events?: readonly string[]) =>
  call<WebhookCreated>("POST", "/webhooks", { url, ...(events && { events }) });
const deliveryTo = async ({ webhook_id }: WebhookCreated): Promise<DeliveryView | undefined> =>
  (await call<DeliveryList>("GET", `/webhooks/${webhook_id}/deliveries`)).deliveries[0];

/** @returns the id of a job that has ended */
async function endedJob(fields: object = {}): Promise<string> {
  const { job_id } = await client.createJob({ ...JOB, ...fields });
  await client.cancelJob(job_id);
  return job_id;
}

it("tell of what an agent does, signed, in order", async () => {
  const target = await receiver();
  const { secret } = await subscribe(target, ["job.started", "job.stage", "job.failed"]);
  const callback = await receiver();
  const { token } = await client.createAgent({ name: "box" });
  const options = { url: controlPlane.url, token, slots: 1 };
  const agent = await ScriptedAgent.connect({
    ...options,
    onJob: (fence, holder) => {
      holder.report({
        type: "job.stage",
        fence,
        seq: 1,
        status: "training",
        progress: 10,
        message: "Training",
      });
      void holder.endJob(fence, 2);
    },
  });
  resources.defer(() => agent.close());
  const { job_id } = await client.createJob({ ...JOB, callback_url: callback.url });

  await expect.poll(() => target.requests.length, PATIENT).toBe(3);
  const told = target.verified(secret).map(({ event }) => [event.type, event.data.job_id, event.data.status]);
  expect(told.at(-1)).toEqual(["job.failed", job_id, "failed"]);
  expect(new Set(told.slice(0, 2).map(([type]) => type))).toEqual(new Set(["job.started", "job.stage"]));
  await expect.poll(() => callback.requests.length, PATIENT).toBe(1);
  const { secret: callbackSecret } = await call<{ secret: string }>("GET", "/webhooks/callback-secret");
  expect(callback.verified(callbackSecret)).toMatchObject([
    { event: { type: "job.failed", data: { job_id } } },
  ]);
});

it("cost others nothing when a receiver is slow, fails, redirects, floods or never answers", async () => {
  const elsewhere = await receiver();
  const good = await receiver();
  const bad = await Promise.all([
    receiver(neverAnswers),
    receiver(fails),
    receiver(redirectsTo(elsewhere.url)),
    receiver(floods),
  ]);
  const [hanging, failing, redirecting, flooding] = await Promise.all(bad.map((target) => subscribe(target)));
  const { secret } = await subscribe(good);
  const ended = await Promise.all(Array.from({ length: 5 }, () => endedJob()));

  await expect.poll(() => good.requests.length, PATIENT).toBe(5);
  const told = good.verified(secret).map(({ event }) => event.data.job_id);
  expect(told.toSorted()).toEqual(ended.toSorted());
  // The others are still busy with the receiver that never answers.
  expect(await deliveryTo(hanging as WebhookCreated)).toMatchObject({ state: "pending" });

  await expect
    .poll(async () => (await deliveryTo(flooding as WebhookCreated))?.state, PATIENT)
    .toBe("delivered");
  await expect
    .poll(() => call<WebhookView>("GET", `/webhooks/${failing?.webhook_id}`), PATIENT)
    .toMatchObject({ failing_since: expect.any(String) });
  await expect
    .poll(() => call<WebhookView>("GET", `/webhooks/${redirecting?.webhook_id}`), PATIENT)
    .toMatchObject({ failing_since: expect.any(String) });
  expect(elsewhere.requests).toEqual([]);
});

it("arrive after the control plane was killed in the middle of a delivery", async () => {
  const target = await receiver(neverAnswers);
  const { secret } = await subscribe(target);
  const jobId = await endedJob();
  await expect.poll(() => target.requests.length, PATIENT).toBe(1);
  await controlPlane.kill();
  target.answer = accepts;
  await start();
  await expect.poll(() => target.requests.length, PATIENT).toBe(2);
  const [first, second] = target.verified(secret);
  expect(second).toEqual(first);
  expect(second?.event.data.job_id).toBe(jobId);
});

it("go to private addresses only where the settings allow it", async () => {
  const target = await receiver();
  const url = target.url.replace("127.0.0.1", "127.0.0.2");
  await expect(call("POST", "/webhooks", { url })).rejects.toThrow("422");
  // The settings count at each attempt.
  const { webhook_id } = await call<WebhookCreated>("POST", "/webhooks", { url: target.url });
  await controlPlane.stop();
  controlPlane = await ControlPlaneProcess.start({ dataDir, apiKey: API_KEY }, () => undefined);
  client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
  await endedJob();
  await expect
    .poll(() => call<DeliveryList>("GET", `/webhooks/${webhook_id}/deliveries`), PATIENT)
    .toMatchObject({
      deliveries: [{ attempts: 1, error: expect.stringContaining("in ALLOW_HOSTS") }],
    });
  expect(target.requests).toEqual([]);
});
