import { join } from "node:path";
import { type Dataset, plyVertexCount, readDataset, type Transforms } from "@splatt/formats";
import { err, ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { GPU_PRESETS, trainedLongSide } from "../gpu-presets.ts";
import { trainWithSecondTry } from "../second-try.ts";
import type { SteppedFile } from "../stepped-files.ts";
import { runTrainingProgram } from "../training-program.ts";
import type { TrainingProgress } from "../training-progress.ts";
import { BRUSH_SIGNS, parseLine } from "./output.ts";
import { askRelease, type BrushMachine, notThere } from "./program.ts";
import type { Release } from "./release.ts";
import { findExport, removeOtherExports, trainArgs, writeDatasetView } from "./run-layout.ts";

const MINUTE_MS = 60_000;
/** Between two looks at the held-out frames, or two exports where there are none. */
const SILENCE_MS = 60 * MINUTE_MS;
const START_MS = 60 * MINUTE_MS;
const STEP_MS = 2000;

interface Scene {
  readonly release: Release;
  readonly dataset: Dataset;
  readonly transforms: Transforms;
}

/**
 * Trains with Brush, going on from its last export. When the GPU's memory runs out it tries once more with less.
 *
 * Fails with `dataset_invalid`, `engine_unavailable`, `gpu_unavailable`, `gpu_out_of_memory`, `disk_full`,
 * `training_failed`, or what `runTool` returns.
 */
export async function train(
  machine: BrushMachine,
  dataset: Dataset,
  options: TrainOptions,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  const transforms = await readDataset(dataset);
  if (!transforms.ok) return transforms;
  const release = await askRelease(machine, context.signal);
  if (!release.ok) return release;
  const scene = { release: release.value, dataset, transforms: transforms.value };
  return trainWithSecondTry(
    options,
    trainedLongSide(options, scene.transforms),
    context,
    (tried, noting, onProgress) => trainOnce(machine, scene, tried, noting, onProgress),
  );
}

async function trainOnce(
  machine: BrushMachine,
  { release, dataset, transforms }: Scene,
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<StageResult<TrainedModel>> {
  const { iterations } = options;
  const from = await findExport(context.dir);
  if (from?.step === iterations) {
    context.log.info("brush: an interrupted run had finished training");
    return finished(from, transforms, options, NOT_MEASURED, context);
  }
  await writeDatasetView(context.dir, transforms, dataset, from?.file ?? null);
  const run = await runTrainingProgram(
    {
      file: machine.file,
      args: trainArgs(release, options, transforms, context.dir, from?.step ?? 0),
      cwd: context.dir,
      env: { RUST_LOG: "info", RUST_BACKTRACE: "0" },
      timeoutMs: START_MS + iterations * STEP_MS,
      silenceMs: SILENCE_MS,
      iterations,
      stepsDone: from?.step ?? 0,
      starting: from === null ? "starting Brush" : "resuming from an exported splat",
      share: 1,
      parse: parseLine,
      signs: BRUSH_SIGNS,
    },
    context,
    onProgress,
  );
  if (!run.ok) return run.error.code === "tool_missing" ? err(notThere()) : run;
  const { exit, progress, evidence } = run.value;
  // A failed export is only a warning to Brush.
  const last = await findExport(context.dir);
  if (exit.exitCode !== 0 || last?.step !== iterations) {
    return err(evidence.conclude(exit, "training_failed", "the last export"));
  }
  return finished(last, transforms, options, progress, context);
}

const NOT_MEASURED = { psnr: null, ssim: null };

async function finished(
  last: SteppedFile,
  transforms: Transforms,
  options: TrainOptions,
  { psnr, ssim }: Pick<TrainingProgress, "psnr" | "ssim">,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  await removeOtherExports(context.dir, last);
  const gaussians = await plyVertexCount(join(context.dir, last.file));
  const scale = trainedLongSide(options, transforms) / Math.max(transforms.w, transforms.h);
  return ok({
    model: last.file,
    report: {
      gaussians: gaussians.ok ? gaussians.value : 0,
      iterations: options.iterations,
      sh_degree: GPU_PRESETS[options.preset].shDegree,
      width: Math.round(transforms.w * scale),
      height: Math.round(transforms.h * scale),
      held_out_frames: transforms.test_filenames.length,
      psnr,
      ssim,
    },
  });
}
