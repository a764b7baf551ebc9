import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { JobList, JobStatusView, ShareCreated } from "@splatt/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** A language model's tool, that is the protocol's official client, uses a real control plane. */

let stack: LocalStack;
let harness: AgentHarness;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
});
afterAll(async () => {
  await harness.stopAgents();
  await stack.stop();
});

/** How clients begin: with the handshake of the revisions before 2026-07-28, or without any. */
const BEGINNINGS = [
  ["the handshake of 2025", "legacy"],
  ["the revision 2026-07-28", { pin: "2026-07-28" }],
  ["whatever the server offers", "auto"],
] as const;

describe.each(BEGINNINGS)("a client that begins with %s", (_, mode) => {
  it("submits a video, waits, downloads the splat, shares it, and cancels another job", async () => {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
    const headers = { authorization: `Bearer ${stack.apiKey}` };
    const url = new URL("/mcp", stack.url);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    const call = async <T>(name: string, args: Record<string, unknown>): Promise<T> => {
      const result = await client.callTool({ name, arguments: args });
      expect(result.isError ?? false, JSON.stringify(result)).toBe(false);
      return result.structuredContent as T;
    };
    expect(client.getInstructions()).toContain("submit_job");
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === "submit_job")?.inputSchema.required).toEqual(["task_id"]);

    const { pool } = harness;
    const token = await harness.mint();
    const video = { task_id: "mcp", video_url: "https://example.com/v.mp4", pool };
    const { job_id } = await call<{ job_id: string }>("submit_job", video);
    const waiting = call<JobStatusView>("wait_for_job", { job_id, seconds: 50 });
    harness.startAgent({ token, pipeline: harness.fakePipeline() });
    expect((await waiting).status).toBe("completed");
    expect((await call<JobStatusView>("job_status", { job_id })).progress).toBe(100);

    const { files } = await call<{ files: { filename: string; url: string }[] }>("job_results", { job_id });
    const splat = files.find(({ filename }) => filename === "baked_splat_sh.ply");
    const download = await fetch(splat?.url ?? "");
    expect(await download.text()).toBe(`baked_splat_sh.ply of ${job_id}`);
    const share = await call<ShareCreated>("share_job", { job_id, title: "From a model" });
    expect(await (await fetch(share.url)).text()).toContain("From a model");

    await harness.stopAgents();
    await harness.mint();
    const other = await call<{ job_id: string }>("submit_job", { ...video, pool: harness.pool });
    const cancelled = await call<JobStatusView>("cancel_job", { job_id: other.job_id });
    expect(cancelled.status).toBe("cancelled");
    const list = await call<JobList>("list_jobs", { status: ["cancelled"], pool: harness.pool });
    expect(list.jobs.map((job) => job.job_id)).toEqual([other.job_id]);

    const refused = await client.callTool({ name: "job_results", arguments: { job_id: other.job_id } });
    expect(refused).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining("cancelled") }],
    });
    await client.close();
  });
});
