import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, stagesOf, startFaultHarness } from "./harness/fault-harness.ts";
import { preload } from "./harness/gated-agent.ts";
import { interruptInEveryStage } from "./harness/interrupted-job.ts";

/** SIGKILL of the agent at any point, then a restart: finished work is not repeated. */

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("an agent that is killed", () => {
  it("in every stage of a job resumes each time, and repeats only that stage", async () => {
    const { job, ...work } = await interruptInEveryStage(harness, "SIGKILL");
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
    const box = await harness.newBox();
    const first = box.start(preload("dies-at", { DIES_AT: moment }));
    const jobId = await harness.tinyJob();
    expect(await first.exited).toBe(null);
    box.start({});
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(ran);
  });
});
