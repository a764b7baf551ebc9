import { join } from "node:path";
import type { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, stagesOf, startFaultHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";
import { storedUnder } from "./harness/stored.ts";

/** A machine that is suspended during a job, for longer than its lease and grace period. */

/** A busy machine holds up a process that is not suspended for less. */
const TIMING = { heartbeatMs: 2000, leaseMs: 6000, reconnectGraceMs: 4000 };

let harness: FaultHarness<ControlPlaneProcess>;
beforeAll(async () => {
  harness = await startFaultHarness(inject("prepared"), TIMING);
});
afterEach((context) => harness.endTest(context));
afterAll(() => harness.stop());

describe("an agent that wakes up", () => {
  it("drops a job that another agent has finished, and takes the next", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const sleeper = await harness.newBox();
    sleeper.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    await sleeper.suspend();
    await harness.jobBecomes(jobId, ({ status }) => status === "queued");

    const other = await harness.newBox();
    other.start();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 2, failures: 0, lost_leases: 1 });
    await other.end("SIGTERM");

    const hasDropped = sleeper.says(/abandoned: /);
    await sleeper.wake();
    await gates.export.open();
    await hasDropped;
    const next = await harness.completed(await harness.tinyJob());
    expect(next).toMatchObject({ attempt: 1, lost_leases: 0 });
    // The next job used the same video, which stays longer for that.
    const input_expires_at = expect.any(String) as unknown as string;
    expect(await harness.completed(jobId)).toEqual({ ...job, input_expires_at });

    await harness.controlPlane.stop();
    const { objects, openUploads } = storedUnder(join(harness.dir, "control-plane"), `jobs/${jobId}/`);
    await harness.restartControlPlane();
    expect(objects.filter((key) => !key.startsWith(`jobs/${jobId}/2/`))).toEqual([]);
    expect(openUploads).toEqual([]);
  });

  it("resumes a job that no other agent has taken", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const sleeper = await harness.newBox();
    sleeper.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    await sleeper.suspend();
    await harness.jobBecomes(jobId, ({ status }) => status === "queued");
    await sleeper.wake();
    await harness.jobBecomes(jobId, ({ status }) => status === "exporting");
    await gates.export.open();
    const job = await harness.completed(jobId);
    expect(job).toMatchObject({ attempt: 1, failures: 0, lost_leases: 1 });
    expect(stagesOf(job).ran).toEqual(["train", "export", "upload"]);
    expect(await gates.export.count()).toBe(1);
  });
});
