import type { BulkAnswer, JobList, ShareCreated, UsageList, WebhookCreated } from "@splatt/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../contract/operations.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { newPool } from "../testing/dispatch.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { mintKey } from "../testing/keys.ts";

/**
 * A key restricted to a pool or to labels, and another customer's things, at every operation. What it does not reach
 * does not exist: the answer is that for an unknown id.
 */

type Headers = Record<string, string>;

const SCOPES = ["jobs:read", "jobs:write", "results:read"] as const;
const FILE = "baked_splat.ply";
const receiver = new FakeReceiver("https://hooks.example.org");

/** Another customer's things: a completed job, a waiting one, and all that can belong to them. */
let foreign: {
  readonly job: string;
  readonly waiting: string;
  readonly share: string;
  readonly upload: string;
  readonly tus: string;
  readonly webhook: string;
  readonly delivery: string;
  readonly key: string;
};
beforeAll(async () => {
  receiver.attach();
  const other = await mintKey(["jobs:read", "jobs:write", "results:read"]);
  const { jobId } = await completedJob({ labels: { customer: "other" } });
  const pool = newPool();
  await mintAgent(pool);
  const video = { filename: "v.mp4", size: 4 };
  const { upload_id } = await json<{ upload_id: string }>(api("POST", "/uploads", video, other.headers));
  const tus = await api("POST", "/uploads/tus", undefined, {
    ...other.headers,
    "tus-resumable": "1.0.0",
    "upload-length": "4",
  });
  const { webhook_id } = await json<WebhookCreated>(
    api("POST", "/webhooks", { url: receiver.origin }, other.headers),
  );
  const test = await json<{ delivery_id: string }>(
    api("POST", `/webhooks/${webhook_id}/test`, undefined, other.headers),
  );
  foreign = {
    job: jobId,
    waiting: await createJob({ pool, labels: { customer: "other" } }),
    share: (await json<ShareCreated>(api("POST", `/jobs/${jobId}/shares`, {}))).share_id,
    upload: upload_id,
    tus: tus.headers.get("location")?.split("/").at(-1) ?? "",
    webhook: webhook_id,
    delivery: test.delivery_id,
    key: other.key_id,
  };
});
afterAll(() => receiver.detach());

/** The restrictions of keys. */
const KEYS = [
  ["a pool", async () => ({ pool: (await mintedPool()).pool })],
  ["labels", async () => ({ labels: { customer: "mine" } })],
] as const;

async function mintedPool() {
  const pool = newPool();
  await mintAgent(pool);
  return { pool };
}

/** Every operation with an id in its path, and whose id a key of a customer may name. */
const OWNERS: Readonly<Record<string, keyof typeof foreign>> = {
  "/jobs/{id}": "job",
  "/shares/{id}": "share",
  "/uploads/{id}": "upload",
  "/uploads/tus/{id}": "tus",
  "/webhooks/{id}": "webhook",
  "/deliveries/{id}": "delivery",
};
const ownerOf = (path: string) =>
  Object.entries(OWNERS).find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1];
const BY_ID = OPERATIONS.filter(({ path, method }) => path.includes("{id}") && method !== "options");

describe.each(KEYS)("a key restricted to %s", (_, restriction) => {
  let headers: Headers;
  beforeAll(async () => {
    headers = (await mintKey(SCOPES, await restriction())).headers;
  });

  it.each(BY_ID.map((operation) => [operation.id, operation] as const))(
    "does not reach another's with %s",
    async (_id, { method, path, body, rawBody }) => {
      const owner = ownerOf(path);
      const id = owner === undefined ? foreign.key : foreign[owner];
      const at = path.replace("{id}", id).replace("{filename}", FILE).replace("{number}", "1");
      const sent = rawBody !== undefined ? new Uint8Array(4) : body === undefined ? undefined : {};
      const tus = {
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      };
      const answer = await api(
        method.toUpperCase(),
        at,
        sent,
        path.includes("tus") ? { ...headers, ...tus } : headers,
      );
      // Keys and agents are for other scopes.
      expect(answer.status).toBe(owner === undefined ? 403 : 404);
    },
  );

  it("finds nothing of another in lists", async () => {
    const call = <T>(path: string) => json<T>(api("GET", path, undefined, headers));
    for (const query of [
      "",
      `?task_id=t-1`,
      "?label=customer%3Dother",
      "?status=completed",
      "?status=queued",
    ])
      expect((await call<JobList>(`/jobs${query}`)).jobs, query).toEqual([]);
    expect(await call("/shares")).toMatchObject({ shares: [] });
    expect(await call("/uploads")).toMatchObject({ uploads: [] });
    expect(await call("/webhooks")).toMatchObject({ webhooks: [] });
    expect((await call<UsageList>(`/usage?key_id=${foreign.key}`)).days).toEqual([]);
    for (const path of ["/keys", "/audit", "/metrics", "/agents"])
      expect((await api("GET", path, undefined, headers)).status, path).toBe(403);
  });

  it("changes nothing of another in bulk, by an upload, or through a tool", async () => {
    for (const verb of ["cancel", "delete"]) {
      const body = { job_ids: [foreign.job, foreign.waiting] };
      const { jobs } = await json<BulkAnswer>(api("POST", `/jobs/${verb}`, body, headers));
      expect(jobs.map(({ done, code }) => [done, code])).toEqual([
        [false, "job_not_found"],
        [false, "job_not_found"],
      ]);
    }
    await json(api("POST", "/jobs", { task_id: "t", upload_id: foreign.upload }, headers), 404);
    for (const name of ["job_status", "wait_for_job", "job_results", "share_job", "cancel_job"]) {
      const params = { name, arguments: { job_id: foreign.waiting } };
      const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
      const { result } = await json<{ result: { isError?: boolean; content: { text: string }[] } }>(
        api("POST", "/mcp", message, headers),
      );
      expect(result.isError, name).toBe(true);
      expect(JSON.stringify(result.content), name).not.toContain("other");
    }
    expect(await json(api("GET", `/jobs/${foreign.waiting}`))).toMatchObject({ status: "queued" });
    expect(await json(api("GET", `/jobs/${foreign.job}`))).toMatchObject({ status: "completed" });
  });

  it("hears nothing of another by its webhooks", async () => {
    const events = ["job.completed", "job.cancelled"];
    const body = { url: receiver.origin, events };
    const { webhook_id } = await json<WebhookCreated>(api("POST", "/webhooks", body, headers));
    const { jobId } = await completedJob({ labels: { customer: "other" } });
    const { deliveries } = await json<{ deliveries: unknown[] }>(
      api("GET", `/webhooks/${webhook_id}/deliveries`, undefined, headers),
    );
    expect(deliveries).toEqual([]);
    expect(
      receiver.requests.filter(({ body: sent }) => sent.includes(jobId) && sent.includes(webhook_id)),
    ).toEqual([]);
    await json(api("DELETE", `/webhooks/${webhook_id}`, undefined, headers));
  });
});

it("knows whose id is in the path of every operation", () => {
  const strange = BY_ID.filter(
    ({ path }) => ownerOf(path) === undefined && !/^\/(?:keys|agents)\//.test(path),
  );
  expect(strange.map(({ id }) => id)).toEqual([]);
});
