import { execFile } from "node:child_process";
import { mkdir, rm, statfs, truncate } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { AgentBox } from "./harness/agent-box.ts";
import { type FaultHarness, stagesOf, startFaultHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";

/** Faults of the agent's disk. */

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("a full disk", () => {
  it.skipIf(process.getuid?.() !== 0)("is reported, and another agent takes over the job", async () => {
    const small = await harness.newBox("empty");
    await mkdir(small.workspace, { recursive: true });
    // Uses memory only for the data written to it.
    const mount = promisify(execFile)("mount", ["-t", "tmpfs", "-o", "size=64g", "tmpfs", small.workspace]);
    await mount;
    try {
      await harness.giveStages(small);
      const { gates, settings } = await gatedAgent(harness);
      const agent = small.start(settings);
      const jobId = await harness.tinyJob();
      await gates.export.reached(1);
      const { blocks, bavail, bsize } = await statfs(small.workspace);
      const size = `remount,size=${(blocks - bavail) * bsize + 64 * 1024}`;
      await promisify(execFile)("mount", ["-o", size, small.workspace]);
      await gates.export.open();
      const failed = await harness.jobBecomes(jobId, ({ failures }) => failures > 0);
      expect(failed).toMatchObject({ status: "queued", message: expect.stringContaining("disk is full") });

      const large = await harness.newBox();
      large.start();
      const job = await harness.completed(jobId);
      expect(job).toMatchObject({ agent_id: large.agentId, attempt: 2, failures: 1, lost_leases: 0 });
      const events = (await harness.client.getJobEvents(jobId)).events;
      expect(events.map(({ error_code }) => error_code)).toContain("disk_full");

      // The agent with the full disk is still running, and stops when asked.
      await small.end("SIGTERM");
      expect(await agent.exited).toBe(0);
    } finally {
      await small.stop();
      await promisify(execFile)("umount", [small.workspace]);
    }
  });
});

describe("a job's record", () => {
  async function killedWithJob(): Promise<{ box: AgentBox; jobId: string }> {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    await box.end("SIGKILL");
    await gates.export.open();
    return { box, jobId };
  }

  it("that is truncated costs only the job's work", async () => {
    const { box, jobId } = await killedWithJob();
    await truncate(join(box.jobDir(jobId), "job.json"), 100);
    box.start();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 2, failures: 0, lost_leases: 1 });
    expect(stagesOf(job)).toEqual({
      reused: ["download", "frames", "poses"],
      ran: ["train", "export", "upload"],
    });
  });
});

describe("a finished stage that is deleted under a running agent", () => {
  it("costs an attempt, and is repeated", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    await rm(join(box.jobDir(jobId), "train"), { recursive: true });
    await gates.export.open();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 2, failures: 1, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    const events = (await harness.client.getJobEvents(jobId)).events;
    expect(events.map(({ error_code }) => error_code)).toContain("workspace_damaged");
  });
});
