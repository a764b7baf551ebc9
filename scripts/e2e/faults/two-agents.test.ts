import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultBench, fileCount, startFaultBench } from "./bench/fault-bench.ts";
import { gatedAgent } from "./bench/gated-agent.ts";
import { marked } from "./bench/marked-processes.ts";

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"));
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("two agents", () => {
  it("share six jobs, each done once, though one of them is killed and comes back", async () => {
    const [a, b] = [await bench.newBox(), await bench.newBox()];
    const { gates, settings } = await gatedAgent(bench);
    a.start(settings);
    const first = await bench.tinyJob();
    await gates.export.reached(1);
    b.start();
    const jobIds = [first];
    for (let more = 0; more < 5; more += 1) jobIds.push(await bench.tinyJob({ iterations: 40 }));
    await a.end("SIGKILL");
    await gates.export.open();
    a.start();
    for (const jobId of jobIds) {
      const job = await bench.completed(jobId);
      expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
      expect(bench.partsSent(job)).toBe(fileCount(job));
      const events = await bench.client.events(jobId);
      expect(events.filter(({ status }) => status === "completed")).toHaveLength(1);
    }
  });

  it("with one token are one too many: the newer gets the job, the older ends with its processes", async () => {
    const { gates, settings } = await gatedAgent(bench);
    const older = await bench.newBox();
    const first = older.start(settings);
    const jobId = await bench.wholeJob();
    await gates.frames.open();
    await gates.poses.reached(1);
    const newer = await bench.newBox("with stages", older);
    newer.start();
    expect(await first.exited).toBe(3);
    expect(await marked(older.workspace)).toEqual([]);
    await bench.jobBecomes(jobId, ({ attempt }) => attempt === 2);
    await bench.client.cancelJob(jobId);
    expect(await bench.completed(await bench.tinyJob())).toMatchObject({ attempt: 1 });
  });

  it("in one workspace are one too many: the second ends, the first goes on", async () => {
    const { gates, settings } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start(settings);
    const jobId = await bench.tinyJob();
    await gates.export.reached(1);
    expect(await box.start().exited).toBe(2);
    await gates.export.open();
    expect(await bench.completed(jobId)).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(await gates.export.count()).toBe(1);
  });
});
