import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pipeline } from "@splatt/gpu-agent/pipeline/pipeline-job";
import { isTerminal } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness, FAKE_OFFER, never } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** A user's and an owner's control of running work (cancel, retry, drain) against the real control plane. */

let stack: LocalStack;
let harness: AgentHarness;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressMs: 20, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
});
afterEach(() => harness.stopAgents());
afterAll(() => stack.stop());

const PREFETCHING = { ...FAKE_OFFER, slots: 2, parallel: 1 };

function ended(jobId: string) {
  return stack.jobBecomes(jobId, ({ status }) => isTerminal(status));
}

describe("cancelling", () => {
  it("stops the work, and the agent takes the next job", async () => {
    const stopped: string[] = [];
    const gate = Promise.withResolvers<void>();
    harness.startAgent({
      token: await harness.mint(),
      pipeline: harness.fakePipeline(stopped, gate.promise),
    });
    const [first, second] = [await harness.createJob(), await harness.createJob()];
    await stack.jobBecomes(first, ({ status }) => status === "training");
    await stack.client.cancelJob(first);
    await expect.poll(() => stopped).toEqual([first]);
    gate.resolve();
    expect(await ended(second)).toMatchObject({ status: "completed" });
    expect(await stack.client.getJob(first)).toMatchObject({ status: "cancelled", results: null });
  });

  it("takes effect while the agent is offline, and reaches the agent when it reconnects", async () => {
    const token = await harness.mint();
    const workspace = harness.newWorkspace();
    const { agent, ended: left } = harness.startAgent({
      token,
      workspace,
      pipeline: harness.fakePipeline([], never),
    });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    agent.stop();
    await left;
    await stack.client.cancelJob(jobId);
    harness.startAgent({ token, workspace, pipeline: harness.fakePipeline() });
    const next = await harness.createJob();
    await ended(next);
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "cancelled" });
  });
});

describe("retrying", () => {
  /** Counts how often a stage really ran: its folder exists when it ran before. */
  function stagedPipeline(runs: string[]): Pipeline {
    return async (run, signal) => {
      const dir = join(run.dir, "frames");
      const known = run.finishedStage("frames");
      if (known === undefined || !(await stat(join(dir, "frame.jpg")).catch(() => null))) {
        runs.push(run.fence.job_id);
        await mkdir(dir, { recursive: true });
        await writeFile(join(dir, "frame.jpg"), "x");
        const record = { key: "k", output: null, seconds: 1, files: [{ path: "frame.jpg", size: 1 }] };
        await run.finishStage("frames", record, { stage: "frames", seconds: 1, reused: false });
      }
      return harness.fakePipeline()(run, signal);
    };
  }

  it("reuses the finished stages of the original job", async () => {
    const runs: string[] = [];
    const workspace = harness.newWorkspace();
    const token = await harness.mint();
    harness.startAgent({ token, workspace, keepJobs: 3, pipeline: stagedPipeline(runs) });
    const first = await harness.createJob();
    await ended(first);
    const { job_id: second } = await stack.client.retryJob(first, { iterations: 9 });
    expect(await ended(second)).toMatchObject({
      status: "completed",
      retry_of: first,
      options: { iterations: 9 },
    });
    expect(runs).toEqual([first]);
    expect(await readdir(join(workspace.jobDir(second), "frames"))).toEqual(["frame.jpg"]);
  });
});

describe("stopping", () => {
  it("lets a job finish within the deadline, and accepts no other in the meantime", async () => {
    const gate = Promise.withResolvers<void>();
    const token = await harness.mint();
    const pipeline = harness.fakePipeline([], gate.promise);
    const { agent, ended: left } = harness.startAgent({
      token,
      pipeline,
      offer: PREFETCHING,
      drainMs: 60_000,
    });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    agent.stop();
    await expect
      .poll(
        async () => (await stack.client.getHealth()).agents.find(({ pool }) => pool === harness.pool)?.slots,
      )
      .toBe(0);
    const other = await harness.createJob();
    gate.resolve();
    expect(await ended(jobId)).toMatchObject({ status: "completed", attempt: 1 });
    expect(await left).toMatchObject({ exit: "closed" });
    expect(await stack.client.getJob(other)).toMatchObject({ status: "queued", attempt: 0 });
  });

  it("can be requested through the API", async () => {
    const stopped: string[] = [];
    const { agent_id, token } = await stack.client.createAgent({ name: "drained", pool: harness.pool });
    const { ended: left } = harness.startAgent({ token, pipeline: harness.fakePipeline(stopped, never) });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    await stack.client.drainAgent(agent_id, { deadline_sec: 0 });
    expect(await left).toMatchObject({ exit: "closed" });
    expect(stopped).toEqual([jobId]);
    expect(await stack.client.getJob(jobId)).toMatchObject({ status: "queued", failures: 0, lost_leases: 0 });
  });
});

describe("a job assigned in advance", () => {
  it("moves to an agent that becomes idle, if it has not started", async () => {
    const begun: string[] = [];
    const one = Promise.withResolvers<void>();
    // One job at a time; a second waits before its first stage.
    const busy: Pipeline = async (run, signal) => {
      if (begun.length > 0) {
        await Promise.race([
          one.promise,
          new Promise((resolve) => signal.addEventListener("abort", resolve)),
        ]);
      }
      begun.push(run.fence.job_id);
      return harness.fakePipeline([], one.promise)(run, signal);
    };
    harness.startAgent({ token: await harness.mint(), pipeline: busy, offer: PREFETCHING });
    const working = await harness.createJob();
    await stack.jobBecomes(working, ({ status }) => status === "training");
    const waiting = await harness.createJob();
    await stack.jobBecomes(waiting, ({ agent_id }) => agent_id !== null);
    harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
    expect(await ended(waiting)).toMatchObject({ status: "completed", failures: 0, lost_leases: 0 });
    expect(await stack.client.getJob(working)).toMatchObject({ status: "training" });
    one.resolve();
    await ended(working);
  });
});
