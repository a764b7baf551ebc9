import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, fileCount, startFaultHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";
import { marked } from "./harness/marked-processes.ts";

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("two agents", () => {
  it("share six jobs, each done once, although one agent is killed and restarted", async () => {
    const [a, b] = [await harness.newBox(), await harness.newBox()];
    const { gates, settings } = await gatedAgent(harness);
    a.start(settings);
    const first = await harness.tinyJob();
    await gates.export.reached(1);
    b.start();
    const jobIds = [first];
    for (let more = 0; more < 5; more += 1) jobIds.push(await harness.tinyJob({ iterations: 40 }));
    await a.end("SIGKILL");
    await gates.export.open();
    a.start();
    for (const jobId of jobIds) {
      const job = await harness.completed(jobId);
      expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
      expect(harness.filesSent(job)).toBe(fileCount(job));
      const events = (await harness.client.getJobEvents(jobId)).events;
      expect(events.filter(({ status }) => status === "completed")).toHaveLength(1);
    }
  });

  it("with one token: the newer gets the job, the older exits with its processes", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const older = await harness.newBox();
    const first = older.start(settings);
    const jobId = await harness.wholeJob();
    await gates.frames.open();
    await gates.poses.reached(1);
    const newer = await harness.newBox("with stages", older);
    newer.start();
    expect(await first.exited).toBe(3);
    expect(await marked(older.workspace)).toEqual([]);
    await harness.jobBecomes(jobId, ({ attempt }) => attempt === 2);
    await harness.client.cancelJob(jobId);
    expect(await harness.completed(await harness.tinyJob())).toMatchObject({ attempt: 1 });
  });

  it("in one workspace: the second exits, the first continues", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    expect(await box.start().exited).toBe(2);
    await gates.export.open();
    expect(await harness.completed(jobId)).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(await gates.export.count()).toBe(1);
  });
});
