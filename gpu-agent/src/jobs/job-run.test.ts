import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentMessage, err, failure, JobOptions, MAX_FRAME_BYTES, ok } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobLog } from "../pipeline/job-log.ts";
import type { StageRecord } from "../pipeline/stage-record.ts";
import { JobClock } from "../pipeline/timing/job-clock.ts";
import { initialSize } from "../pipeline/timing/job-size.ts";
import type { StageRun } from "../pipeline/timing/stage-history.ts";
import { JobRecordFile, newJobRecord } from "./job-record.ts";
import { JobRun } from "./job-run.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-job-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const RECORD: StageRecord = { key: "", output: null, seconds: 0, files: [] };

/** A job on a virtual clock, and everything that it sends. */
function scene(trainWait = 0) {
  const world = { seconds: 0, trainWait };
  const sent: AgentMessage[] = [];
  const recorded: StageRun[] = [];
  const ended: JobRun[] = [];
  const options = JobOptions.parse({});
  const fence = { job_id: randomUUID(), attempt: 1, lease_id: randomUUID() };
  const spec = { source: { kind: "upload" as const, size: 1e6 }, options, retry_of: null };
  const run = new JobRun({
    dir,
    file: new JobRecordFile(dir, newJobRecord(fence, spec, 0)),
    jobLog: new JobLog(join(dir, "pipeline.log")),
    log: pino({ level: "silent" }),
    clock: new JobClock({
      size: initialSize("nerfstudio", options, 1e6),
      history: () => recorded,
      cores: 2,
      trainWait: () => world.trainWait,
      now: () => world.seconds * 1000,
    }),
    recordStageRun: async (stage) => {
      recorded.push(stage);
    },
    send: (message) => sent.push(message) > 0,
    onEnd: (over) => ended.push(over),
  });
  /** The latest progress sent. */
  const progress = () => {
    run.flushProgress();
    return sent.findLast((message) => message.type === "job.progress");
  };
  return { run, world, sent, recorded, ended, progress };
}

describe("a job that fails", () => {
  it("reports it in a frame within the limit, whatever its tools printed", async () => {
    const { run, sent } = scene();
    for (let line = 0; line < 60; line += 1) run.jobLog.write("train", "\u0000".repeat(500));
    const detail = "\u0000".repeat(5000);
    run.start(async () => err(failure("training_failed", detail)));
    await expect.poll(() => sent.at(-1)?.type).toBe("job.fail");
    expect(AgentMessage.safeParse(sent.at(-1)).success).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(sent.at(-1)))).toBeLessThan(MAX_FRAME_BYTES);
  });
});

describe("a job that is given up", () => {
  it("fails although its pipeline hangs, ends only with the pipeline, and reports nothing twice", async () => {
    const hanging = Promise.withResolvers<void>();
    const { run, sent, ended } = scene();
    run.start(async (_, signal) => {
      await hanging.promise;
      return signal.aborted ? err(failure("agent_stopped", "")) : ok([]);
    });
    await run.giveUp(failure("workspace_unusable", "hangs"));
    await run.giveUp(failure("workspace_unusable", "still hangs"));
    expect(sent).toMatchObject([{ type: "job.fail", code: "workspace_unusable", detail: "hangs", seq: 1 }]);
    const acked = run.acked(1);
    expect(ended).toEqual([]);
    hanging.resolve();
    await acked;
    expect(ended).toEqual([run]);
    expect(sent).toHaveLength(1);
  });
});

describe("a job's progress", () => {
  it("never falls, and never reaches 100 %", async () => {
    const { run, world, progress } = scene();
    const shown: number[] = [];
    for (const stage of ["download", "frames", "poses", "train", "export", "upload"] as const) {
      await run.beginStage(stage);
      for (const fraction of [0, 0.5, 0.2, 1, 1]) {
        world.seconds += 3;
        run.reportProgress(stage, { fraction, message: "" });
        shown.push(progress()?.progress ?? -1);
      }
      await run.finishStage(stage, RECORD, { stage, seconds: 15, reused: false });
    }
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
    expect(shown.at(-1)).toBe(99);
    expect(shown.every((percent) => percent >= 0 && percent < 100)).toBe(true);
  });

  it("of a stage is not sent once the next one has begun", async () => {
    const { run, world, progress } = scene();
    await run.beginStage("poses");
    world.seconds += 3;
    run.reportProgress("poses", { fraction: 0.9, message: "writing the dataset" });
    await run.beginStage("train");
    expect(progress()).toBeUndefined();
  });

  it("records how long the stages took, except for reused ones", async () => {
    const { run, world, recorded } = scene();
    for (const [stage, reused] of [
      ["download", true],
      ["frames", false],
    ] as const) {
      await run.beginStage(stage);
      world.seconds += 7;
      await run.finishStage(stage, RECORD, { stage, seconds: 7, reused });
    }
    expect(recorded).toMatchObject([{ stage: "frames", units: 1e6, preparing: 0, working: 7 }]);
  });
});

describe("a job that waits for the GPU", () => {
  it("reports it under the previous status, and includes the wait in the ETA", async () => {
    const { run, world, progress } = scene(600);
    await run.beginStage("poses");
    world.seconds += 60;
    await run.finishStage("poses", RECORD, { stage: "poses", seconds: 60, reused: false });
    run.waitFor("gpu");
    expect(run.held.status).toBe("running_colmap");
    expect(progress()).toMatchObject({
      message: "Waiting for a GPU, which another job is using...",
      stage_progress: 0,
    });
    const eta = progress()?.eta_seconds ?? 0;
    expect(eta).toBeGreaterThan(600);
    expect(run.status).toMatchObject({
      message: expect.stringContaining("Waiting for a GPU"),
      eta_seconds: eta,
    });

    world.trainWait = 0;
    await run.beginStage("train");
    expect(run.held.status).toBe("training");
    expect(run.status.eta_seconds).toBeLessThan(eta - 500);
  });
});

describe("a job when the owner pauses the agent", () => {
  it("is past waiting as soon as it trains", async () => {
    const { run } = scene();
    expect(run.isPastWaiting).toBe(false);
    for (const stage of ["download", "poses"] as const) {
      await run.beginStage(stage);
      expect(run.isPastWaiting).toBe(false);
    }
    await run.beginStage("train");
    expect(run.isPastWaiting).toBe(true);
  });

  it("is returned with the given reason", async () => {
    const { run, sent } = scene();
    const stopped = Promise.withResolvers<void>();
    run.start(async (_, signal) => {
      signal.addEventListener("abort", () => stopped.resolve());
      await stopped.promise;
      return ok([]);
    });
    await run.stop("returned", "Paused by its owner.");
    expect(sent).toMatchObject([{ type: "job.returned", reason: "Paused by its owner." }]);
  });
});
