import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FAILURES } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { AgentBox } from "./agent-box.ts";
import { type FaultHarness, FILE_SENT, startFaultHarness } from "./fault-harness.ts";
import { canMakeDisks, FaultyDisk } from "./faulty-disk.ts";
import { gatedAgent } from "./gated-agent.ts";
import { VideoServer } from "./video-server.ts";

export type DiskFault = "full" | "read-only" | "failing" | "hanging";

/** Stages that cannot end without writing. */
const PLACES = ["frames", "poses"] as const;
/**
 * What the agent may end without the disk: training and export may just fit on a full one, and an upload only reads.
 */
const INNER_STAGES = ["train", "export", "upload"] as const;

/** What an agent logs that a fault of its disk surprised. */
const BUGS = /could not handle|UncaughtException/;

/** Tests of an agent whose disk has a fault while a stage works. */
export async function testDiskFaults(...faults: readonly DiskFault[]): Promise<void> {
  const isAble = await canMakeDisks();
  if (!isAble) console.log("Skipped: the tests of faulty disks must mount a loop device, as root on Linux.");
  describe.skipIf(!isAble)("the agent's disk", () => describeFaults(faults));
}

function describeFaults(faults: readonly DiskFault[]): void {
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
    const { gates, settings } = await gatedAgent(harness, place === "poses" ? "real" : "recorded");
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

  describe.each(faults)("%s", (fault) => {
    it.each(PLACES)(
      "at the stage %s is named, costs an attempt at most, and ends without help",
      async (place) => {
        const { begin, code, end } = FAULTS[fault];
        const { box, jobId, goOn, openGates } = await jobAt(place);
        await begin();
        await goOn();
        const failed = await harness.jobBecomes(jobId, ({ failures }) => failures > 0);
        expect(failed).toMatchObject({ status: "queued", lost_leases: 0 });
        expect(await errorCodes(jobId)).toContain(code);
        await expect
          .poll(async () => (await harness.client.getHealth()).agents.find(({ slots }) => slots === 0))
          .toMatchObject({ reason: expect.stringContaining(FAILURES[code].sentence) });
        await end(box);
        await openGates();
        const job = await harness.completed(jobId);
        expect(job).toMatchObject({ lost_leases: 0, failures: 1 });
        expect(box.log.filter((line) => BUGS.test(line))).toEqual([]);
      },
    );

    it("within a download is named, and costs one attempt", async () => {
      const { begin, code, end } = FAULTS[fault];
      const { box, jobId, goOn, stop } = await jobWithin("download");
      await begin();
      await goOn();
      await harness.jobBecomes(jobId, ({ failures }) => failures > 0);
      expect(await errorCodes(jobId)).toContain(code);
      await end(box);
      expect(await harness.completed(jobId)).toMatchObject({ lost_leases: 0, failures: 1 });
      expect(box.log.filter((line) => BUGS.test(line))).toEqual([]);
      await stop();
    });

    it.each(INNER_STAGES)("within the stage %s costs one attempt at most, with its name", async (stage) => {
      const { begin, code, end } = FAULTS[fault];
      const { box, jobId, goOn, stop } = await jobWithin(stage);
      await begin();
      await goOn();
      const job = await harness.jobBecomes(
        jobId,
        ({ status, failures }) => status === "completed" || failures > 0,
      );
      if (job.failures > 0) expect(await errorCodes(jobId)).toContain(code);
      await end(box);
      const completed = await harness.completed(jobId);
      expect(box.log.filter((line) => BUGS.test(line))).toEqual([]);
      expect(completed.lost_leases).toBe(0);
      expect(completed.failures).toBeLessThanOrEqual(1);
      await stop();
    });
  });

  it.runIf(faults.includes("full"))("full before the agent starts is freed of ended jobs", async () => {
    disk = await FaultyDisk.make(harness.dir);
    const box = await harness.newBox("empty", undefined, join(disk.path, "workspace"));
    // Makes the files that a process overwrites at its start.
    box.start();
    await expect.poll(() => box.log.some((line) => line.includes("connected to"))).toBe(true);
    await box.end("SIGTERM");
    await harness.giveStages(box);
    expect(await readdir(join(box.workspace, "jobs"))).toHaveLength(1);
    await disk.fill();
    box.start();
    await expect.poll(() => readdir(join(box.workspace, "jobs"))).toEqual([]);
  });

  async function errorCodes(jobId: string): Promise<(string | null)[]> {
    const { events } = await harness.client.getJobEvents(jobId);
    return events.map(({ error_code }) => error_code);
  }

  /** A job that is held within a stage. No gate holds it later, whatever it repeats. */
  async function jobWithin(stage: "download" | "train" | "export" | "upload") {
    disk = await FaultyDisk.make(harness.dir);
    const box = await harness.newBox("empty", undefined, join(disk.path, "workspace"));
    if (stage !== "download") await harness.giveStages(box);
    const video = await VideoServer.start(harness.clip);
    const { gates, settings, trainingHeld } = await gatedAgent(harness);
    const held = stage === "train" ? gates.checkpoint : stage === "export" ? gates.export : null;
    for (const gate of Object.values(gates)) if (gate !== held) await gate.open();
    const sending = stage === "upload" ? harness.network.holdAt(FILE_SENT) : null;
    const source = { ALLOW_HTTP: "true", ALLOW_HOSTS: video.host };
    box.start({
      DISK_PATIENCE_SECONDS: "3",
      ...source,
      ...settings,
      ...(stage === "train" ? trainingHeld : {}),
    });
    const jobId =
      stage === "download"
        ? await harness.wholeJob({ video_url: video.url })
        : await harness.tinyJob(stage === "train" ? { iterations: 400 } : {});
    await (held?.reached(1) ?? sending ?? video.halfway);
    return {
      box,
      jobId,
      goOn: async () => {
        video.goOn();
        harness.network.repair();
        await held?.open();
      },
      stop: () => video.stop(),
    };
  }
}
