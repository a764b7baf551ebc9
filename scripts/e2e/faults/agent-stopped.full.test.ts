import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, stagesOf, startFaultHarness } from "./harness/fault-harness.ts";
import { interruptInEveryStage } from "./harness/interrupted-job.ts";

/** SIGTERM, as from systemd: the agent hands its job back, and gets it again after the restart. */

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("an agent that is stopped", () => {
  it("in every stage of a job hands it back, and reuses the finished stages", async () => {
    const { job, ...work } = await interruptInEveryStage(harness, "SIGTERM");
    // Handing back counts as neither failure nor lost lease; each of the six times a new attempt started.
    expect(job).toMatchObject({ attempt: 7, failures: 0, lost_leases: 0 });
    expect(stagesOf(job)).toEqual({
      reused: ["download", "frames", "poses", "train", "export"],
      ran: ["upload"],
    });
    expect(work.downloadedBytes).toBeLessThan(1.1 * work.videoBytes);
    expect(work).toMatchObject({ ffmpegRuns: 2, colmapRuns: 2, exportRuns: 2 });
    expect(work.resumedAtStep).toBeGreaterThan(0);
  });
});
