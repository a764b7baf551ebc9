import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiProblem, Splatt } from "splatt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPreviousControlPlane, unpackPreviousVersion } from "./previous-version.ts";

/** This version's client, updated before the control plane that it uses. */

const KEY = "key-of-the-new-client";

let dir: string;
let controlPlane: Awaited<ReturnType<typeof startPreviousControlPlane>>;
let client: Splatt;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-previous-client-"));
  await unpackPreviousVersion(dir);
  controlPlane = await startPreviousControlPlane(dir, KEY);
  const { unchecked } = globalThis.fetch as typeof fetch & { readonly unchecked: typeof fetch };
  client = new Splatt({ url: controlPlane.url, apiKey: KEY, fetch: unchecked });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("the client and the previous control plane", () => {
  it("upload a video, make a job of it, follow it to its end and delete it", async () => {
    const bytes = new Uint8Array(1000).fill(7);
    const upload_id = await client.upload({ name: "v.mp4", content: new Blob([bytes]) });
    expect((await client.getUpload(upload_id)).upload_id).toBe(upload_id);
    expect((await client.listUploads()).uploads).toHaveLength(1);
    expect((await client.listUploadParts(upload_id)).parts).toHaveLength(1);

    const { job_id } = await client.createJob({ task_id: "t", upload_id, labels: { a: "b" } });
    expect(await client.getJob(job_id)).toMatchObject({ status: "queued", pinned: false });
    const list = await client.listJobs({ label: "a=b" });
    expect(list.jobs.map((job) => job.job_id)).toEqual([job_id]);
    expect((await client.getJobLogs(job_id)).lines).toEqual([]);
    expect((await client.listJobDeliveries(job_id)).deliveries).toEqual([]);
    expect((await client.pinJob(job_id)).pinned).toBe(true);

    const seen: string[] = [];
    for await (const message of client.watch(job_id)) {
      if (message.type !== "job") continue;
      seen.push(message.job.status);
      if (message.job.status === "queued") await client.cancelJob(job_id);
    }
    expect(seen).toEqual(["queued", "cancelled"]);
    expect((await client.getJobEvents(job_id)).events.at(-1)?.status).toBe("cancelled");
    const retried = await client.retryJob(job_id);
    expect((await client.cancelJobs([retried.job_id])).jobs).toHaveLength(1);
    await client.deleteJob(job_id);
    await expect(client.getJob(job_id)).rejects.toBeInstanceOf(ApiProblem);
  });

  it("manage keys, agents and webhooks, and read what happened", async () => {
    const { key_id } = await client.createKey({ name: "k", scopes: ["jobs:read"] });
    const { agent_id } = await client.createAgent({ name: "a" });
    const { webhook_id } = await client.createWebhook({ url: "https://example.com/hook" });
    expect((await client.listKeys()).keys.map((key) => key.key_id)).toEqual([key_id]);
    expect((await client.listAgents()).agents.map((agent) => agent.agent_id)).toEqual([agent_id]);
    expect((await client.getWebhook(webhook_id)).url).toBe("https://example.com/hook");
    expect((await client.listWebhooks()).webhooks).toHaveLength(1);
    expect((await client.listWebhookDeliveries(webhook_id)).deliveries).toEqual([]);
    expect((await client.getMe()).scopes).toContain("admin");
    expect((await client.getAudit()).events.length).toBeGreaterThan(2);
    expect((await client.getUsage()).days.length).toBeGreaterThan(0);
    expect((await client.listAllShares()).shares).toEqual([]);
    expect((await client.getHealth()).status).toBe("healthy");
    await client.deleteWebhook(webhook_id);
    await client.deleteAgent(agent_id);
    await client.deleteKey(key_id);
  });
});
