import { stat } from "node:fs/promises";
import type { Pipeline } from "@splatt/gpu-agent/pipeline/pipeline-job";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** The agent against the real control plane, what matters less often than what agent.test.ts has. */

let stack: LocalStack;
let harness: AgentHarness;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressMs: 20, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
});
afterEach(() => harness.stopAgents());
afterAll(() => stack.stop());

describe("the agent", () => {
  it("shows a preview of the training splat until a thumbnail replaces it", async () => {
    const picture = new Uint8Array([1, 2, 3]);
    const pipeline: Pipeline = async (run, signal) => {
      await run.beginStage("train", false);
      await (await harness.clientOf(run)).showPreview(run.fence, picture, signal);
      run.reportProgress("train", { fraction: 0.5, message: "shown" });
      await gate.promise;
      return harness.upload(run, signal);
    };
    const gate = Promise.withResolvers<void>();
    harness.startAgent({ token: await harness.mint(), pipeline });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ message }) => message === "shown");
    const preview = () =>
      fetch(`${stack.url}/jobs/${jobId}/results/preview.webp`, { headers: { "x-api-key": stack.apiKey } });
    const shown = await preview();
    expect(shown.headers.get("content-type")).toBe("image/webp");
    expect(new Uint8Array(await shown.arrayBuffer())).toEqual(picture);
    gate.resolve();
    await stack.jobBecomes(jobId, ({ status }) => status === "completed");
    expect((await preview()).status).toBe(404);
  });

  it("keeps the folders of only the most recently ended jobs", async () => {
    const workspace = harness.newWorkspace();
    harness.startAgent({ token: await harness.mint(), workspace, pipeline: harness.fakePipeline() });
    const ids = [await harness.createJob(), await harness.createJob()];
    for (const id of ids) await stack.jobBecomes(id, ({ status }) => status === "completed");
    await expect.poll(async () => (await workspace.jobs()).map((job) => job.fence.job_id)).toEqual([ids[1]]);
    await expect(stat(workspace.jobDir(ids[0] ?? ""))).rejects.toThrow();
  });

  it("removes the folder of a job that was deleted while it was away", async () => {
    const token = await harness.mint();
    const workspace = harness.newWorkspace();
    const process = { token, workspace, pipeline: harness.fakePipeline(), keepJobs: 2 };
    const { agent, ended } = harness.startAgent(process);
    const [kept, deleted] = [await harness.createJob(), await harness.createJob()];
    for (const id of [kept, deleted]) await stack.jobBecomes(id, ({ status }) => status === "completed");
    agent.stop();
    await ended;
    await stack.client.deleteJob(deleted);
    expect(await workspace.jobs()).toHaveLength(2);
    harness.startAgent(process);
    await expect.poll(async () => (await workspace.jobs()).map((job) => job.fence.job_id)).toEqual([kept]);
    await expect(stat(workspace.jobDir(deleted))).rejects.toThrow();
  });

  it("exits when a newer process with the same token replaces it", async () => {
    const token = await harness.mint();
    const older = harness.startAgent({ token, pipeline: harness.fakePipeline() });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "completed");
    harness.startAgent({ token, pipeline: harness.fakePipeline() });
    expect(await older.ended).toMatchObject({ exit: "replaced" });
  });
});
