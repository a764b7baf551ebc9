import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { ControlPlaneProcess } from "./bench/control-plane-process.ts";
import { type FaultBench, stagesOf, startFaultBench } from "./bench/fault-bench.ts";
import { gatedAgent } from "./bench/gated-agent.ts";
import { storedUnder } from "./bench/stored.ts";

/** A machine that sleeps in the middle of a job, for longer than its lease and the grace after it. */

let bench: FaultBench<ControlPlaneProcess>;
beforeAll(async () => {
  bench = await startFaultBench(inject("prepared"), {
    heartbeatMs: 300,
    leaseMs: 1500,
    reconnectGraceMs: 1000,
  });
});
afterEach((context) => bench.endTest(context));
afterAll(() => bench.stop());

describe("an agent that wakes up", () => {
  it("drops a job that somebody else has finished, and takes the next", async () => {
    const { gates, settings } = await gatedAgent(bench);
    const sleeper = await bench.newBox();
    sleeper.start(settings);
    const jobId = await bench.tinyJob();
    await gates.export.reached(1);
    await sleeper.suspend();
    await bench.jobBecomes(jobId, ({ status }) => status === "queued");

    const other = await bench.newBox();
    other.start();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 2, failures: 0, lost_leases: 1 });
    await other.end("SIGTERM");

    await sleeper.wake();
    await gates.export.open();
    await sleeper.says(/abandoned: /);
    const next = await bench.completed(await bench.tinyJob());
    expect(next).toMatchObject({ attempt: 1, lost_leases: 0 });
    expect(await bench.completed(jobId)).toEqual(job);

    await bench.controlPlane.stop();
    const { objects, openUploads } = storedUnder(join(bench.dir, "control-plane"), `jobs/${jobId}/`);
    await bench.restartControlPlane();
    expect(objects.filter((key) => !key.startsWith(`jobs/${jobId}/2/`))).toEqual([]);
    expect(openUploads).toEqual([]);
  });

  it("goes on with a job that nobody else has taken", async () => {
    const { gates, settings } = await gatedAgent(bench);
    const sleeper = await bench.newBox();
    sleeper.start(settings);
    const jobId = await bench.tinyJob();
    await gates.export.reached(1);
    await sleeper.suspend();
    await bench.jobBecomes(jobId, ({ status }) => status === "queued");
    await sleeper.wake();
    await bench.jobBecomes(jobId, ({ status }) => status === "exporting");
    await gates.export.open();
    const job = await bench.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 1 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await gates.export.count()).toBe(1);
  });
});
