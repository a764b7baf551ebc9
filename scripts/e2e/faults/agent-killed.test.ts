import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultBench, fileCount, stagesOf, startFaultBench } from "./bench/fault-bench.ts";
import { preload } from "./bench/gated-agent.ts";
import { interruptInEveryStage } from "./bench/interrupted-job.ts";

/** SIGKILL of the agent, wherever it is, and a new start: what was finished is not done again. */

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"));
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("an agent that is killed", () => {
  it("in every stage of a job goes on each time, and repeats that stage alone", async () => {
    const { job, ...work } = await interruptInEveryStage(bench, "SIGKILL");
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job)).toEqual({
      reused: ["download", "frames", "poses", "train", "export"],
      ran: ["upload"],
    });
    expect(work.downloadedBytes).toBeLessThan(1.1 * work.videoBytes);
    expect(work).toMatchObject({ ffmpegRuns: 2, colmapRuns: 2, exportRuns: 2 });
    expect(work.resumedAtStep).toBeGreaterThan(0);
  });

  it.each([
    ["with a stage's folder in place, not yet recorded", "/train", ["train", "export", "upload"]],
    ["between two stages", "/export[.]\\w+[.]part", ["export", "upload"]],
    ["right after it took a job", "/jobs/[^/]+/job[.]json", ["train", "export", "upload"]],
  ])("%s does again only what it cannot know of", async (_, moment, ran) => {
    const box = await bench.newBox();
    const first = box.start(preload("dies-at", { DIES_AT: moment }));
    const jobId = await bench.tinyJob();
    expect(await first.exited).toBe(null);
    box.start({});
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(ran);
  });

  it("after a file was uploaded sends only the others", async () => {
    const box = await bench.newBox();
    box.start();
    const halfway = bench.network.holdAt(/^POST .*\/uploads$/, 2);
    const jobId = await bench.tinyJob({ iterations: 40 });
    await halfway;
    await box.end("SIGKILL");
    bench.network.mend();
    box.start();
    const job = await bench.completed(jobId);
    expect(stagesOf(job).ran).toEqual(["upload"]);
    expect(bench.partsSent(job)).toBe(fileCount(job));
  });
});
