import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultBench, fileCount, stagesOf, startFaultBench } from "./bench/fault-bench.ts";
import { gatedAgent } from "./bench/gated-agent.ts";

/** What a network does to the agent's one connection and to its uploads. */

let bench: FaultBench;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"), { heartbeatMs: 300, leaseMs: 1500 });
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("an agent with a job", () => {
  it("comes back after every way in which a connection breaks, and the job does not notice", async () => {
    const { gates, settings } = await gatedAgent(bench);
    const box = await bench.newBox();
    box.start(settings);
    const jobId = await bench.tinyJob();
    await gates.export.reached(1);
    const faults: [string, () => void][] = [
      ["cut", () => bench.network.cut()],
      ["stalled", () => bench.network.stall()],
      ["half open: what the agent says is lost", () => bench.network.stall("up")],
      ["half open: what it is told is lost", () => bench.network.stall("down")],
    ];
    for (const [index, [, breakNetwork]] of faults.entries()) {
      const noticed = box.says(/not connected: /, index + 1);
      breakNetwork();
      await noticed;
      bench.network.mend();
      await box.says(/connected to /, index + 2);
    }
    await gates.export.open();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await gates.export.count()).toBe(1);
  });

  it("works over a slow link", async () => {
    bench.network.delay(200);
    const box = await bench.newBox();
    box.start();
    const job = await bench.completed(await bench.tinyJob());
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(bench.partsSent(job)).toBe(fileCount(job));
  });

  it("sends only that part again whose connection broke", async () => {
    const box = await bench.newBox();
    box.start();
    const sending = bench.network.holdAt(/^PUT .*\/parts\/1/, 2);
    const jobId = await bench.tinyJob({ iterations: 40 });
    await sending;
    bench.network.cut();
    bench.network.mend();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    // The one that was held never got through.
    expect(bench.partsSent(job)).toBe(fileCount(job));
  });

  it("whose answer to a finished upload was lost does not upload again", async () => {
    const box = await bench.newBox();
    box.start();
    const sent = bench.network.loseAnswerTo(/^POST .*\/complete/);
    const jobId = await bench.tinyJob({ iterations: 40 });
    await sent;
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 0 });
    expect(bench.partsSent(job)).toBe(fileCount(job));
    expect(bench.network.count(new RegExp(`^POST /agent/jobs/${jobId}/.*/complete`))).toBe(
      fileCount(job) + 1,
    );
  });
});
