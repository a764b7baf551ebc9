import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { ControlPlaneProcess } from "./bench/control-plane-process.ts";
import { type FaultBench, fileCount, stagesOf, startFaultBench } from "./bench/fault-bench.ts";
import { gatedAgent } from "./bench/gated-agent.ts";

/** The control plane goes away in the middle of a job, and comes back on the data that it left. */

/** Shorter than the outages below; what counts is when the control plane is back. */
const LEASE = { leaseMs: 2000, reconnectGraceMs: 60_000 };

let bench: FaultBench<ControlPlaneProcess>;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"), LEASE);
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("a control plane that is killed", () => {
  it("during the training finds it going on", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await bench.tinyJob();
    await gates.checkpoint.reached(1);
    await gates.export.open();
    await bench.controlPlane.kill();
    await bench.restartControlPlane();
    await box.says(/connected to /, 2);
    await gates.checkpoint.open();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await box.pipelineLog(jobId)).not.toContain("going on from the checkpoint");
  });

  it("during the upload gets the parts that it lacks", async () => {
    const box = await bench.newBox();
    box.start();
    const uploading = bench.network.holdAt(/^PUT .*\/parts\/1/, 2);
    const jobId = await bench.tinyJob();
    await uploading;
    await bench.controlPlane.kill();
    await bench.restartControlPlane();
    bench.network.mend();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    // The part that was on its way is sent again.
    expect(bench.partsSent(job)).toBeLessThanOrEqual(fileCount(job) + 1);
  });

  it("while a job waits gives it to the agent that comes back", async () => {
    const box = await bench.newBox();
    const jobId = await bench.tinyJob({ iterations: 40 });
    await bench.controlPlane.kill();
    await bench.restartControlPlane();
    box.start();
    expect(await bench.completed(jobId)).toMatchObject({ attempt: 1, lost_leases: 0 });
  });
});

describe("a control plane that is away for longer than a lease", () => {
  it("hears on its return of everything that was done meanwhile", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await bench.tinyJob();
    await gates.checkpoint.reached(1);
    const down = performance.now();
    await bench.controlPlane.kill();
    await gates.checkpoint.open();
    await gates.export.reached(1);
    await gates.export.open();
    await expect
      .poll(async () => (await box.record(jobId))?.stages.export, { timeout: 60_000 })
      .toBeDefined();
    await expect
      .poll(() => performance.now() - down, { timeout: 60_000 })
      .toBeGreaterThan(1.5 * LEASE.leaseMs);
    await bench.restartControlPlane();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
  });
});

describe("a runtime that is killed under its launcher", () => {
  it("is started again", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await bench.tinyJob();
    await gates.checkpoint.reached(1);
    await gates.export.open();
    await bench.controlPlane.killRuntime();
    await box.says(/connected to /, 2);
    await gates.checkpoint.open();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
  });
});
