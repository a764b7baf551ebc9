import type { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import {
  type FaultHarness,
  FILE_SENT,
  fileCount,
  stagesOf,
  startFaultHarness,
} from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";

/** The control plane dies during a job and restarts on its data. */

/** Shorter than the outages below, so that only the control plane's return matters. */
const LEASE = { leaseMs: 2000, reconnectGraceMs: 60_000 };

let harness: FaultHarness<ControlPlaneProcess>;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"), LEASE);
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("a control plane that is killed", () => {
  it("during the upload receives the missing files", async () => {
    const box = await harness.newBox();
    box.start();
    const uploading = harness.network.holdAt(FILE_SENT, 2);
    const jobId = await harness.tinyJob();
    await uploading;
    await harness.controlPlane.kill();
    await harness.restartControlPlane();
    harness.network.repair();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    // The file in transit is resent.
    expect(harness.filesSent(job)).toBeLessThanOrEqual(fileCount(job) + 1);
  });

  it("while a job waits assigns it to the reconnecting agent", async () => {
    const box = await harness.newBox();
    const jobId = await harness.tinyJob({ iterations: 40 });
    await harness.controlPlane.kill();
    await harness.restartControlPlane();
    box.start();
    expect(await harness.completed(jobId)).toMatchObject({ attempt: 1, lost_leases: 0 });
  });
});

describe("a control plane that is down for longer than a lease", () => {
  it("receives all reports of the outage after its restart", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await harness.tinyJob();
    await gates.checkpoint.reached(1);
    const down = performance.now();
    await harness.controlPlane.kill();
    await gates.checkpoint.open();
    await gates.export.reached(1);
    await gates.export.open();
    await expect
      .poll(async () => (await box.record(jobId))?.stages.export, { timeout: 60_000 })
      .toBeDefined();
    await expect
      .poll(() => performance.now() - down, { timeout: 60_000 })
      .toBeGreaterThan(1.5 * LEASE.leaseMs);
    await harness.restartControlPlane();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
  });
});

describe("a runtime that is killed under its launcher", () => {
  it("is restarted", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await harness.tinyJob();
    await gates.checkpoint.reached(1);
    await gates.export.open();
    const isBack = box.says(/connected to /);
    await harness.controlPlane.killRuntime();
    await isBack;
    await gates.checkpoint.open();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
  });
});
