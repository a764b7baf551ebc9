import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, fileCount, stagesOf, startFaultHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";

/** Network faults on the agent's connection and uploads. */

let harness: FaultHarness;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"), { heartbeatMs: 300, leaseMs: 1500 });
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("an agent with a job", () => {
  it("reconnects after every kind of connection failure, without effect on the job", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    const faults = [
      () => harness.network.cut(),
      () => harness.network.stall(),
      // Half open: messages from the agent are lost, then messages to it.
      () => harness.network.stall("up"),
      () => harness.network.stall("down"),
    ];
    for (const breakNetwork of faults) {
      const noticed = box.says(/not connected: /);
      breakNetwork();
      await noticed;
      const isBack = box.says(/connected to /);
      harness.network.repair();
      await isBack;
    }
    await gates.export.open();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await gates.export.count()).toBe(1);
  });

  it("works over a slow link", async () => {
    harness.network.delay(200);
    const box = await harness.newBox();
    box.start();
    const job = await harness.completed(await harness.tinyJob());
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(harness.filesSent(job)).toBe(fileCount(job));
  });

  it("sends one file again when the reply to its upload is lost", async () => {
    const box = await harness.newBox();
    box.start();
    const sent = harness.network.loseAnswerTo(/^PUT .*\/files\//);
    const jobId = await harness.tinyJob({ iterations: 40 });
    await sent;
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(harness.filesSent(job)).toBe(fileCount(job) + 1);
  });
});
