import { cp, stat } from "node:fs/promises";
import type { HostView } from "@splatt/gpu-agent/gpu-host";
import { PauseFile } from "@splatt/gpu-agent/owner/pause";
import { idleHost } from "@splatt/gpu-agent/testing/idle-host";
import type { GpuInfo } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentHarness, FAKE_OFFER, never } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** A host owner's actions, as the control plane and its clients see them. */

let stack: LocalStack;
let harness: AgentHarness;
beforeAll(async () => {
  stack = await startLocalStack({
    heartbeatMs: 200,
    heldMs: 100,
    progressMs: 20,
    progressWriteMs: 1,
    resendMs: 100,
  });
  harness = new AgentHarness(stack);
});
afterEach(() => harness.stopAgents());
afterAll(() => stack.stop());

/** The pool's agent in GET /health. */
async function shown() {
  const { agents } = await stack.client.getHealth();
  return agents.find(({ pool }) => pool === harness.pool);
}

const PAUSE = { since: "2026-11-23T20:15:00.000Z", reason: "gaming" };

describe("a paused agent", () => {
  it("takes no job and gives the reason in health and in the job, until the pause ends", async () => {
    const { agent } = harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
    await expect.poll(async () => (await shown())?.slots).toBe(1);
    await agent.pause(PAUSE, false);
    const reason = "Paused by its owner since 2026-11-23 20:15 UTC: gaming";
    await expect.poll(shown).toMatchObject({ slots: 0, reason });
    const jobId = await harness.createJob();
    expect(await stack.jobBecomes(jobId, ({ message }) => message.includes("gaming"))).toMatchObject({
      status: "queued",
    });
    await agent.resume();
    await stack.jobBecomes(jobId, ({ status }) => status === "completed");
  });

  it("stays paused across a restart", async () => {
    const [token, workspace] = [await harness.mint(), harness.newWorkspace()];
    const first = harness.startAgent({ token, workspace, pipeline: harness.fakePipeline() });
    await first.agent.pause(PAUSE, false);
    first.agent.stop();
    await first.ended;
    const second = harness.startAgent({ token, workspace, pipeline: harness.fakePipeline() });
    // Until then, what is shown may still be of the first process.
    await expect.poll(() => second.agent.status).toMatchObject({ connected: true, paused: PAUSE });
    await expect.poll(shown).toMatchObject({ slots: 0 });
  });

  it("hands back the jobs that its killed process had not yet trained", async () => {
    const [token, workspace] = [await harness.mint(), harness.newWorkspace()];
    harness.startAgent({
      token,
      workspace,
      pipeline: async (run, signal) => {
        await run.beginStage("poses", false);
        return harness.untilStopped(signal);
      },
    });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "running_colmap");
    // The disk after a kill; the owner pauses the next process before it starts. The first process still writes.
    const next = harness.newWorkspace();
    const isWritten = (file: string) => !file.endsWith(".tmp");
    await cp(workspace.root, next.root, { recursive: true, filter: isWritten });
    await new PauseFile(next.root).write(PAUSE);
    const begun: string[] = [];
    harness.startAgent({ token, workspace: next, pipeline: harness.fakePipeline(begun) });
    expect(await stack.jobBecomes(jobId, ({ status }) => status === "queued")).toMatchObject({
      failures: 0,
      lost_leases: 0,
    });
    expect(begun).toEqual([]);
  });

  it("lets a training job finish, and hands back a waiting one", async () => {
    const gate = Promise.withResolvers<void>();
    const { agent } = harness.startAgent({
      token: await harness.mint(),
      offer: { ...FAKE_OFFER, slots: 2, parallel: 1 },
      pipeline: async (run, signal) => {
        if (run.fence.job_id === training) return harness.fakePipeline([], gate.promise)(run, signal);
        await run.beginStage("poses", false);
        return harness.untilStopped(signal);
      },
    });
    let training = "";
    training = await harness.createJob();
    await stack.jobBecomes(training, ({ status }) => status === "training");
    const waiting = await harness.createJob();
    await stack.jobBecomes(waiting, ({ status }) => status === "running_colmap");
    await agent.pause(PAUSE, false);
    expect(await stack.jobBecomes(waiting, ({ status }) => status === "queued")).toMatchObject({
      failures: 0,
      lost_leases: 0,
    });
    await expect.poll(() => agent.status.jobs).toMatchObject([{ job_id: training, status: "training" }]);
    gate.resolve();
    await stack.jobBecomes(training, ({ status }) => status === "completed");
  });

  it("also hands back the training job on an immediate pause, and gets it again", async () => {
    const stopped: string[] = [];
    const workspace = harness.newWorkspace();
    const { agent } = harness.startAgent({
      token: await harness.mint(),
      workspace,
      pipeline: (run, signal) =>
        harness.fakePipeline(stopped, run.fence.attempt === 1 ? never : Promise.resolve())(run, signal),
    });
    const jobId = await harness.createJob();
    await stack.jobBecomes(jobId, ({ status }) => status === "training");
    await agent.pause(PAUSE, true);
    expect(stopped).toEqual([jobId]);
    expect(await stack.jobBecomes(jobId, ({ status }) => status === "queued")).toMatchObject({ failures: 0 });
    await agent.resume();
    expect(await stack.jobBecomes(jobId, ({ status }) => status === "completed")).toMatchObject({
      attempt: 2,
    });
    await stat(workspace.jobDir(jobId));
  });
});

describe("the state of its GPUs", () => {
  const GIB = 1024 ** 3;
  const CARD: GpuInfo = {
    name: "NVIDIA L4",
    uuid: "GPU-a",
    memory_total: 24 * GIB,
    memory_free: 23 * GIB,
    temperature: 44,
    utilization: 7,
  };

  /** A fake host with a GPU whose memory use the test sets. */
  function machineWithGpu(): { host: HostView; take: (bytes: number) => void } {
    let free = 23 * GIB;
    const host = {
      ...idleHost({ ...FAKE_OFFER, default_engine: "nerfstudio", slots: 2, parallel: 1, gpus: [CARD] }),
      get gpus() {
        return [{ ...CARD, memory_free: free }];
      },
    };
    return { host, take: (bytes) => (free = 24 * GIB - bytes) };
  }

  it("appears in health and in the agent's view; a full card takes no jobs until it is free", async () => {
    const { host, take } = machineWithGpu();
    const token = await harness.mint();
    harness.startAgent({ token, host, minFreeGpuBytes: 4 * GIB, pipeline: harness.fakePipeline() });
    const { uuid: _, ...publicCard } = CARD;
    await expect.poll(shown).toMatchObject({ slots: 2, gpus: [publicCard] });
    const { agents } = await stack.client.listAgents();
    expect(agents.find(({ pool }) => pool === harness.pool)?.offer?.gpus).toEqual([CARD]);

    take(23 * GIB);
    await expect
      .poll(shown)
      .toMatchObject({ slots: 0, reason: expect.stringContaining("other programs use the GPU") });
    take(0);
    await expect.poll(shown).toMatchObject({ slots: 2 });
  });
});

describe("the state of its disk", () => {
  it("appears in health; a job waits while the disk is full, and completes when there is room", async () => {
    let free = 0;
    const workspace = harness.newWorkspace(async () => free);
    harness.startAgent({ token: await harness.mint(), workspace, pipeline: harness.fakePipeline() });
    await expect.poll(shown).toMatchObject({ slots: 0, reason: "Takes no jobs: The agent's disk is full." });
    const jobId = await harness.createJob();
    await expect
      .poll(async () => (await stack.client.getJob(jobId)).message)
      .toContain("The agent's disk is full.");
    free = 10 * 1024 ** 3;
    await expect.poll(async () => (await stack.client.getJob(jobId)).status).toBe("completed");
    expect((await stack.client.getJob(jobId)).attempt).toBe(1);
  });
});
