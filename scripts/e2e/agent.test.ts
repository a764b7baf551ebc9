import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pipeline } from "@splatt/gpu-agent/pipeline/pipeline-job";
import { err, failure, RESULT_FILES } from "@splatt/shared";
import { downloadFile } from "splatt/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness, never } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** The agent against the real control plane. Only the pipeline is fake. */

let stack: LocalStack;
let harness: AgentHarness;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressMs: 20, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
});
afterEach(() => harness.stopAgents());
afterAll(() => stack.stop());

describe("the agent", () => {
  it("takes a job, reports progress, uploads and completes; the files download unchanged", async () => {
    const gate = Promise.withResolvers<void>();
    harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline([], gate.promise) });
    const jobId = await harness.createJob();
    const training = await stack.jobBecomes(jobId, (job) => job.progress > 0 && job.status === "training");
    expect(training.message).toBe("Training Gaussian Splat... Step 5/10");
    gate.resolve();
    const job = await stack.jobBecomes(jobId, ({ status }) => status === "completed");
    for (const name of RESULT_FILES) {
      const result = job.results?.[name];
      if (result === undefined) throw new Error(`no ${name}`);
      await downloadFile(stack.client, result, join(stack.dir, name));
      expect(await readFile(join(stack.dir, name), "utf8")).toBe(`${name} of ${jobId}`);
    }
  });

  it("reports a failure with its code, then takes the next job", async () => {
    let failures = 0;
    const pipeline: Pipeline = async (run, signal) => {
      failures += 1;
      if (failures === 1) return err(failure("video_corrupt", "moov atom not found."));
      return harness.fakePipeline()(run, signal);
    };
    harness.startAgent({ token: await harness.mint(), pipeline });
    const [bad, good] = [await harness.createJob(), await harness.createJob()];
    expect(await stack.jobBecomes(bad, ({ status }) => status === "failed")).toMatchObject({
      error_code: "video_corrupt",
      error: expect.stringContaining("moov atom not found."),
      error_hint: expect.any(String),
    });
    await stack.jobBecomes(good, ({ status }) => status === "completed");
  });

  it("survives a bug in the pipeline and reports a failed attempt", async () => {
    const pipeline: Pipeline = async (run, signal) => {
      if (run.fence.attempt === 1) throw new Error("a bug");
      return harness.fakePipeline()(run, signal);
    };
    harness.startAgent({ token: await harness.mint(), pipeline });
    const jobId = await harness.createJob();
    const job = await stack.jobBecomes(jobId, ({ failures }) => failures === 1);
    expect(job).toMatchObject({ status: "queued", message: expect.stringContaining("a bug") });
  });

  it("hands its job back when stopped, and gets it again when started", async () => {
    const token = await harness.mint();
    const workspace = harness.newWorkspace();
    const stopped: string[] = [];
    const first = harness.startAgent({ token, workspace, pipeline: harness.fakePipeline(stopped, never) });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    first.agent.stop();
    expect(await first.ended).toMatchObject({ exit: "closed" });
    expect(stopped).toEqual([jobId]);
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "queued", agent_id: null });
    harness.startAgent({ token, workspace, pipeline: harness.fakePipeline() });
    expect(await stack.jobBecomes(jobId, ({ status }) => status === "completed")).toMatchObject({
      attempt: 2,
      failures: 0,
      lost_leases: 0,
    });
  });

  it("stops work on a job whose lease it lost because its owner deleted the agent", async () => {
    const workspace = harness.newWorkspace();
    const stopped: string[] = [];
    const minted = await stack.client.createAgent({ name: "to be deleted", pool: harness.pool });
    const { ended } = harness.startAgent({
      token: minted.token,
      workspace,
      pipeline: harness.fakePipeline(stopped, never),
    });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    await stack.client.deleteAgent(minted.agent_id);
    expect(await ended).toMatchObject({ exit: "unauthorized" });
    expect(stopped).toEqual([jobId]);
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1 });
  });

  it("stops with a reason when its token is unknown", async () => {
    const unknown = `splatt_agent_${crypto.randomUUID()}.${"x".repeat(43)}`;
    const { ended } = harness.startAgent({ token: unknown, pipeline: harness.fakePipeline() });
    expect(await ended).toMatchObject({
      exit: "unauthorized",
      reason: expect.stringContaining("AGENT_TOKEN"),
    });
  });
});
