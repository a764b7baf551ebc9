import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Dataset, largestLens, readDataset } from "@splatt/formats";
import { type EngineProbe, err, failure, ok, RESULT_FILES } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { Engine, TrainedModel, TrainOptions } from "../engine.ts";
import { exportPly } from "../export-ply.ts";
import { NERFSTUDIO_SIGNS } from "../nerfstudio/failure-signs.ts";
import { runTrainingProgram } from "../training-program.ts";
import { type Command, commandLine, obstacle } from "./command-line.ts";
import { parseLine } from "./output.ts";
import { checkResults, SPLAT_FILE, TRANSFORMS_FILE } from "./results.ts";

const HOUR_MS = 3_600_000;
/** A script may take any time; these limits only catch one that hangs. */
const SILENCE_MS = HOUR_MS;
const TIMEOUT_MS = 24 * HOUR_MS;

/** In the training's folder. It survives an interruption, so a restarted command can resume from it. */
const OUTPUT_DIR = "output";

export interface CommandOptions {
  /** The setting COMMAND_ENGINE. */
  readonly command: Command | null;
  /** The UUID of the GPU to train on when the stage has none; null leaves the choice to CUDA. */
  readonly gpuUuid?: string | null;
}

/** Trains with a program of the owner's, controlled by its arguments (see command-line.ts). */
export function createCommandEngine({ command, gpuUuid = null }: CommandOptions): Engine {
  return {
    name: "command",
    probe: async () => probe(command),
    train: (dataset, options, context) => train(command, context.gpu ?? gpuUuid, dataset, options, context),
    exportSplats: exportPly,
  };
}

function probe(command: Command | null): EngineProbe {
  const answer = (usable: boolean, reason: string): EngineProbe => ({
    ...{ name: "command", usable, version: null },
    reason,
  });
  if (command === null) return answer(false, "COMMAND_ENGINE is not set.");
  const why = obstacle(command);
  if (why !== null) return answer(false, `The command of COMMAND_ENGINE cannot be run: ${why}.`);
  return answer(true, `The command of COMMAND_ENGINE, ${basename(command[0])}, can be run.`);
}

/**
 * Runs the command in `context.dir`. Its splat must be in the frame of the transforms.json that it writes.
 *
 * Fails with `dataset_invalid`, `engine_unavailable`, `training_failed`, a code that its output explains, or what
 * `runTool` returns.
 */
async function train(
  command: Command | null,
  gpuUuid: string | null,
  dataset: Dataset,
  options: TrainOptions,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  if (command === null) return err(failure("engine_unavailable", "COMMAND_ENGINE is not set."));
  const transforms = await readDataset(dataset);
  if (!transforms.ok) return transforms;
  const { iterations } = options;
  const output = join(context.dir, OUTPUT_DIR);
  await mkdir(output, { recursive: true });
  // Leftovers of an interrupted run would hide that this one wrote nothing.
  for (const name of RESULT_FILES) await rm(join(output, name), { recursive: true, force: true });
  const run = await runTrainingProgram(
    {
      ...commandLine(command, {
        data: dataset.dir,
        video: dataset.video ?? "",
        output,
        iterations: String(iterations),
      }),
      cwd: context.dir,
      env: {
        PYTHONUNBUFFERED: "1",
        TERM: "dumb",
        ...(gpuUuid === null ? {} : { CUDA_VISIBLE_DEVICES: gpuUuid }),
      },
      timeoutMs: TIMEOUT_MS,
      silenceMs: SILENCE_MS,
      iterations,
      stepsDone: 0,
      starting: "starting the command",
      share: 1,
      parse: (line) => parseLine(line, iterations),
      signs: NERFSTUDIO_SIGNS,
    },
    context,
  );
  if (!run.ok) {
    if (run.error.code !== "tool_missing") return run;
    return err(failure("engine_unavailable", "The program of COMMAND_ENGINE was not found."));
  }
  const { exit, evidence } = run.value;
  if (exit.exitCode !== 0) return err(evidence.conclude(exit, "training_failed", "a result"));
  const gaussians = await checkResults(output);
  if (!gaussians.ok)
    return err(failure("training_failed", `The command ended without an error, but ${gaussians.error}.`));
  const { w: width, h: height } = largestLens(transforms.value);
  return ok({
    model: join(OUTPUT_DIR, SPLAT_FILE),
    transforms: join(OUTPUT_DIR, TRANSFORMS_FILE),
    report: {
      gaussians: gaussians.value,
      iterations,
      // The export stage reads it from the PLY.
      sh_degree: 0,
      width,
      height,
      held_out_frames: 0,
      psnr: null,
      ssim: null,
    },
  });
}
