import { join } from "node:path";
import type { Engine } from "@splatt/gpu-agent/engines/engine";
import type { DownloadOutput } from "@splatt/gpu-agent/pipeline/download/download-stage";
import type { PipelineParts } from "@splatt/gpu-agent/pipeline/run-stages";
import type { Stage, StageContext, StageResult } from "@splatt/gpu-agent/pipeline/stage";
import {
  type CaptureReport,
  err,
  type FailureCode,
  failure,
  ok,
  RESULT_FILES,
  type TrainReport,
} from "@splatt/shared";
import { writeFile } from "../fakes/fs-promises.ts";
import { setTimeout as sleep } from "../fakes/timers-promises.ts";
import type { Random } from "../kernel/random.ts";
import { theWorld } from "../kernel/world.ts";

/**
 * Fakes of the stages. Like the real ones, they take time, write files and fail; the shipped StageRunner runs them.
 * Each run of a stage writes different bytes, so that files of two runs are distinguishable.
 */

type FakedParts = Pick<PipelineParts, "frames" | "poses" | "train" | "export" | "summarize"> & {
  readonly fetchUrl: Stage<{ url: string }, DownloadOutput>;
};

const REPORTS_PER_STAGE = 2;

/** A format for the web, which only some runs produce. */
const NO_SPLATS = { ply_up: "+z", render_mode: "default", web: { axes: "", from_ply: [], formats: {} } };
const EXTRA_FILE = "baked_splat.spz";

const CAPTURE: CaptureReport = {
  frames: 10,
  registered: 10,
  points: 100,
  mean_reprojection_error: 0.5,
  verdict: "good",
  advice: "",
};

const TRAINED: TrainReport = {
  gaussians: 1,
  iterations: 1,
  sh_degree: 0,
  width: 1,
  height: 1,
  held_out_frames: 0,
  psnr: null,
  ssim: null,
};

export interface StagePace {
  readonly minMs: number;
  readonly maxMs: number;
}

export function fakeStages(random: Random, pace: StagePace): FakedParts {
  const work = (context: StageContext, files: readonly string[]) => workOn(context, files, random, pace);
  return {
    fetchUrl: {
      name: "download",
      token: "network",
      key: ({ url }) => url,
      run: (_, context) => after(work(context, ["source"]), { file: "source", size: 1, sha256: "0" }),
    },
    frames: {
      name: "frames",
      token: "cpu",
      key: ({ options }) => options.fps,
      run: (_, context) =>
        after(work(context, ["frame_00001.jpg"]), {
          count: 1,
          width: 1,
          height: 1,
          fps: 1,
          start_sec: 0,
          end_sec: 1,
          times: [],
          notes: [],
        }),
    },
    poses: {
      name: "poses",
      token: "cpu",
      key: ({ preset }) => preset,
      run: (_, context) =>
        after(work(context, ["transforms.json"]), {
          capture: CAPTURE,
          width: 1,
          height: 1,
          colmap: "0",
          gpu: false,
        }),
    },
    train: (engine: Engine) => ({
      name: "train",
      token: engine.name === "builtin" ? "cpu" : "gpu",
      key: ({ options }) => [engine.name, options.iterations],
      run: (_, context) => after(work(context, ["model"]), { report: TRAINED, model: "model" }),
    }),
    export: (engine: Engine) => ({
      name: "export",
      token: "cpu",
      key: () => engine.name,
      run: (_, context) => {
        const files = random.chance(0.2) ? [...RESULT_FILES, EXTRA_FILE] : RESULT_FILES;
        return after(work(context, files), {
          report: TRAINED,
          files: [...files],
          splats: NO_SPLATS,
          views: null,
          missing: [],
        });
      },
    }),
    summarize: async () => [],
  };
}

async function after<T>(work: Promise<StageResult<null>>, value: T): Promise<StageResult<T>> {
  const done = await work;
  return done.ok ? ok(value) : done;
}

async function workOn(
  context: StageContext,
  files: readonly string[],
  random: Random,
  pace: StagePace,
): Promise<StageResult<null>> {
  const { faults, ids } = theWorld();
  const totalMs = random.logBetween(pace.minMs, pace.maxMs);
  for (let report = 1; report <= REPORTS_PER_STAGE; report += 1) {
    await sleep(totalMs / REPORTS_PER_STAGE, undefined, { signal: context.signal }).catch(() => undefined);
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    context.report({ fraction: report / REPORTS_PER_STAGE, message: "Working" });
  }
  if (faults.strikes("stage_failed")) return complain(context, "gpu_unavailable");
  if (faults.strikes("stage_hopeless")) return complain(context, "training_failed");
  const run = ids.uuid();
  for (const file of files) await writeFile(join(context.dir, file), resultText(run, file, random));
  return ok(null);
}

/** Fails like a tool that exits with a bar across the terminal: many bytes in few characters. */
function complain(context: StageContext, code: FailureCode): StageResult<never> {
  for (let line = 0; line < 50; line += 1) context.toolOutput(BAR);
  return err(failure(code, "Simulated."));
}

const BAR = "█".repeat(500);

/** A file that identifies the run that made it: 36 characters, then padding, sometimes enough for several parts. */
function resultText(run: string, file: string, random: Random): string {
  const padding = random.chance(0.15) ? random.int(0, 250) : random.int(0, 60);
  return `${run} ${file} ${"x".repeat(padding)}`;
}

/** The run of a stage that made a file. */
export function runOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1", 0, 36);
}
