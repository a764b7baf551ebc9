import { writeFile } from "node:fs/promises";
import { join } from "node:path";
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

/** One fault of each kind; the `*.full.test.ts` files in this folder cover the others, at every time. */

let harness: FaultHarness<ControlPlaneProcess>;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"));
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("an agent that is killed", () => {
  it("after uploading a file sends only the others", async () => {
    const box = await harness.newBox();
    box.start();
    const halfway = harness.network.holdAt(FILE_SENT, 2);
    const jobId = await harness.tinyJob({ iterations: 40 });
    await halfway;
    await box.end("SIGKILL");
    // What is held of the killed agent's request does not arrive.
    harness.network.cut();
    harness.network.repair();
    box.start();
    const job = await harness.completed(jobId);
    expect(stagesOf(job).ran).toEqual(["upload"]);
    expect(harness.filesSent(job)).toBe(fileCount(job));
  });
});

describe("a control plane that is killed", () => {
  it("during training finds the training still running", async () => {
    const { gates, settings, trainingHeld } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start({ ...settings, ...trainingHeld });
    const jobId = await harness.tinyJob();
    await gates.checkpoint.reached(1);
    await gates.export.open();
    await harness.controlPlane.kill();
    const isBack = box.says(/connected to /);
    await harness.restartControlPlane();
    await isBack;
    await gates.checkpoint.open();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await box.pipelineLog(jobId)).not.toContain("resuming from the checkpoint");
  });
});

describe("an agent with a job", () => {
  it("resends only the file whose connection broke", async () => {
    const box = await harness.newBox();
    box.start();
    const sending = harness.network.holdAt(FILE_SENT, 2);
    const jobId = await harness.tinyJob({ iterations: 40 });
    await sending;
    harness.network.cut();
    harness.network.repair();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    // The held file never arrived.
    expect(harness.filesSent(job)).toBe(fileCount(job));
  });
});

describe("a job's record", () => {
  it("keeps its previous content when the agent is killed while writing it", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    await box.end("SIGKILL");
    await gates.export.open();
    await writeFile(join(box.jobDir(jobId), "job.json.tmp"), '{"version":1,"fen');
    box.start();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["export", "upload"]);
  });
});
