import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultBench, stagesOf, startFaultBench } from "./bench/fault-bench.ts";
import { interruptInEveryStage } from "./bench/interrupted-job.ts";

/** SIGTERM, as from systemd: the agent hands its job back, and gets it again when it is back. */

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"));
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("an agent that is stopped", () => {
  it("in every stage of a job hands it back, and reuses what it finished", async () => {
    const { job, ...work } = await interruptInEveryStage(bench, "SIGTERM");
    // Handing back counts for nothing; each of the six times another attempt began.
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
