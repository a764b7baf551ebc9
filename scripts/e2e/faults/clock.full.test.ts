import { afterAll, afterEach, beforeAll, expect, inject, it } from "vitest";
import { type FaultHarness, startFaultHarness } from "./harness/fault-harness.ts";
import { preload } from "./harness/gated-agent.ts";

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

it("an agent whose clock jumps completes its jobs", async () => {
  const box = await harness.newBox();
  box.start(preload("jumping-clock"));
  const jobIds = [await harness.tinyJob(), await harness.tinyJob({ iterations: 40 })];
  for (const jobId of jobIds) {
    expect(await harness.completed(jobId)).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
  }
});
