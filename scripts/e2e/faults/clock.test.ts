import { afterAll, afterEach, beforeAll, expect, inject, it } from "vitest";
import { type FaultBench, startFaultBench } from "./bench/fault-bench.ts";
import { preload } from "./bench/gated-agent.ts";

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"));
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

it("an agent whose clock jumps does its jobs as any other", async () => {
  const box = await bench.newBox();
  box.start(preload("jumping-clock"));
  const jobIds = [await bench.tinyJob(), await bench.tinyJob({ iterations: 40 })];
  for (const jobId of jobIds) {
    expect(await bench.completed(jobId)).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
  }
  expect(box.log.filter((line) => line.includes("not connected"))).toEqual([]);
});
