import { join } from "node:path";
import { FAILURES } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { AgentBox } from "./harness/agent-box.ts";
import { type FaultHarness, startFaultHarness } from "./harness/fault-harness.ts";
import { canMakeDisks, FaultyDisk } from "./harness/faulty-disk.ts";
import { gatedAgent } from "./harness/gated-agent.ts";

/** The agent's disk is full, read-only, failing or hanging while a stage works. */

const isAble = await canMakeDisks();
if (!isAble) console.log("Skipped: the tests of faulty disks must mount a loop device, as root on Linux.");

const PLACES = ["frames", "poses"] as const;

describe.skipIf(!isAble)("the agent's disk", () => {
  let harness: FaultHarness;
  let disk: FaultyDisk;
  beforeAll(async () => {
    harness = await startFaultHarness(inject("prepared"));
  });
  afterEach(async (context) => {
    disk.thaw();
    await harness.endTest(context);
    disk.remove();
  });
  afterAll(() => harness.stop());

  interface WaitingJob {
    readonly box: AgentBox;
    readonly jobId: string;
    /** Lets the stage continue. */
    readonly goOn: () => Promise<void>;
    /** Lets all later stages continue too. */
    readonly openGates: () => Promise<unknown>;
  }

  /** A job whose agent has arrived at a stage, and waits there. */
  async function jobAt(place: (typeof PLACES)[number]): Promise<WaitingJob> {
    disk = await FaultyDisk.make(harness.dir);
    const box = await harness.newBox("empty", undefined, join(disk.path, "workspace"));
    const { gates, settings } = await gatedAgent(harness);
    box.start({ DISK_PATIENCE_SECONDS: "3", ...settings });
    const jobId = await harness.wholeJob();
    if (place === "poses") await gates.frames.open();
    await gates[place].reached(1);
    return {
      box,
      jobId,
      goOn: () => gates[place].open(),
      openGates: () => Promise.all(Object.values(gates).map((gate) => gate.open())),
    };
  }

  /** How the disk breaks, what the user reads, and what it takes until jobs run there again. */
  const FAULTS = {
    full: { begin: () => disk.fill(), code: "disk_full", end: () => disk.empty() },
    "read-only": { begin: () => disk.turnReadOnly(), code: "workspace_unusable", end: mountAgain },
    failing: { begin: () => disk.fail(), code: "workspace_unusable", end: mountAgain },
    hanging: { begin: () => disk.freeze(), code: "workspace_unusable", end: () => disk.thaw() },
  } as const;

  async function mountAgain(box: AgentBox): Promise<void> {
    await box.end("SIGTERM");
    disk.unmount();
    disk.mount();
    box.start();
  }

  describe.each(Object.keys(FAULTS) as (keyof typeof FAULTS)[])("%s", (fault) => {
    it.each(PLACES)(
      "at the stage %s is named, costs an attempt at most, and ends without help",
      async (place) => {
        const { begin, code, end } = FAULTS[fault];
        const { box, jobId, goOn, openGates } = await jobAt(place);
        await begin();
        await goOn();
        const failed = await harness.jobBecomes(jobId, ({ failures }) => failures > 0);
        expect(failed).toMatchObject({ status: "queued", lost_leases: 0 });
        const events = (await harness.client.getJobEvents(jobId)).events;
        expect(events.map(({ error_code }) => error_code)).toContain(code);
        await expect
          .poll(async () => (await harness.client.getHealth()).agents.find(({ slots }) => slots === 0))
          .toMatchObject({ reason: expect.stringContaining(FAILURES[code].sentence) });
        await end(box);
        await openGates();
        const job = await harness.completed(jobId);
        expect(job).toMatchObject({ lost_leases: 0, failures: 1 });
        expect(box.log.filter((line) => line.includes("could not handle"))).toEqual([]);
      },
    );
  });
});
