import { join } from "node:path";
import { type Dataset, plyVertexCount, readDataset, type Transforms } from "@splatt/formats";
import { err, failure, ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { GPU_PRESETS, trainedLongSide } from "../gpu-presets.ts";
import { shortOfGpuMemory } from "../gpus.ts";
import { trainWithSecondTry } from "../second-try.ts";
import { runTrainingProgram } from "../training-program.ts";
import type { TrainingProgress } from "../training-progress.ts";
import { OPENSPLAT_SIGNS, parseLine } from "./output.ts";
import { askRelease, notThere, type OpensplatMachine, programEnvironment } from "./program.ts";
import { parseDevice, type Release } from "./release.ts";
import {
  downscaleFactor,
  findSave,
  removeSaves,
  SPLAT_FILE,
  trainArgs,
  writeDatasetView,
} from "./run-layout.ts";

const MINUTE_MS = 60_000;
/** Photos are loaded with a line for each, and a step takes 10 to 300 ms. */
const SILENCE_MS = 30 * MINUTE_MS;
const START_MS = 60 * MINUTE_MS;
const STEP_MS = 2000;

/**
 * Trains with OpenSplat, going on from its last save. When the GPU's memory runs out it tries once more with less.
 *
 * Fails with `dataset_invalid`, `engine_unavailable`, `gpu_unavailable`, `gpu_out_of_memory`, `disk_full`,
 * `training_failed`, or what `runTool` returns.
 */
export async function train(
  machine: OpensplatMachine,
  dataset: Dataset,
  options: TrainOptions,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  const transforms = await readDataset(dataset);
  if (!transforms.ok) return transforms;
  const release = await askRelease(machine, context.signal);
  if (!release.ok) return release;
  const shortage = shortOfGpuMemory(await machine.freeGpuMemory(machine.gpuUuid));
  if (shortage !== null) return err(shortage);
  const longSide = trainedLongSide(options, transforms.value);
  return trainWithSecondTry(options, longSide, context, async (tried, noting, onProgress) => {
    await writeDatasetView(context.dir, transforms.value, dataset);
    return trainOnce(machine, release.value, transforms.value, tried, noting, onProgress);
  });
}

async function trainOnce(
  machine: OpensplatMachine,
  release: Release,
  transforms: Transforms,
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<StageResult<TrainedModel>> {
  const { iterations, preset } = options;
  const save = await findSave(context.dir);
  const program = {
    file: machine.file,
    args: trainArgs(release, options, transforms, save?.file ?? null),
    cwd: context.dir,
    env: programEnvironment(machine),
    timeoutMs: START_MS + iterations * STEP_MS,
    silenceMs: SILENCE_MS,
    iterations,
    stepsDone: save?.step ?? 0,
    starting: save === null ? "starting OpenSplat" : "resuming from a saved splat",
    share: 1,
    parse: parseLine,
    signs: OPENSPLAT_SIGNS,
  };
  const noCpu = new AbortController();
  const guarded: StageContext = {
    ...context,
    signal: AbortSignal.any([context.signal, noCpu.signal]),
    toolOutput: (line) => {
      context.toolOutput(line);
      // Where PyTorch sees no GPU it trains on the processor, a hundred times slower, without another word.
      if (parseDevice(line) === "CPU" && !machine.allowCpu) noCpu.abort();
    },
  };
  const run = await runTrainingProgram(program, guarded, onProgress);
  if (noCpu.signal.aborted && !context.signal.aborted) {
    return err(failure("gpu_unavailable", "OpenSplat found no GPU and would have trained on the processor."));
  }
  if (!run.ok) return run.error.code === "tool_missing" ? err(notThere()) : run;
  const { exit, progress, evidence } = run.value;
  const gaussians = await plyVertexCount(join(context.dir, SPLAT_FILE));
  if (exit.exitCode !== 0 || !gaussians.ok) {
    return err(evidence.conclude(exit, "training_failed", "a whole splat"));
  }
  await removeSaves(context.dir);
  const factor = downscaleFactor(options, transforms);
  return ok({
    model: SPLAT_FILE,
    report: {
      gaussians: gaussians.value,
      iterations,
      sh_degree: GPU_PRESETS[preset].shDegree,
      width: Math.round(transforms.w / factor),
      height: Math.round(transforms.h / factor),
      held_out_frames: progress.psnr === null ? 0 : 1,
      psnr: progress.psnr,
      ssim: null,
    },
  });
}
