import { copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Dataset, Lens, Transforms } from "@splatt/formats";
import type { TrainOptions } from "../engine.ts";
import { GPU_PRESETS, scaledStep, trainedLongSide } from "../gpu-presets.ts";
import { newestSnapshot, plySnapshots, type Snapshot } from "../snapshots.ts";
import type { Release } from "./release.ts";

/* Brush's arguments, input and output, relative to the folder that a training runs in. */

const DATASET_DIR = "brush-dataset";
export const EXPORT_DIR = "brush-exports";
/** Exports of a training, from which it can be resumed. */
const EXPORTS_PER_RUN = 5;
const LEAST_STEPS_PER_EXPORT = 500;
/** Evaluations of the held-out frames in a training. Late in a run, nothing else prints output. */
const EVALUATIONS = 50;
const LEAST_STEPS_PER_EVALUATION = 100;

/**
 * @param runDir absolute: releases of Brush resolve relative paths differently
 * @param stepsDone the step of the splat that `writeDatasetView` was given
 */
export function trainArgs(
  { stepsOption }: Release,
  options: TrainOptions,
  largest: Pick<Lens, "w" | "h">,
  runDir: string,
  stepsDone: number,
): string[] {
  const { iterations, preset, max_splats } = options;
  return [
    join(runDir, DATASET_DIR),
    ...[stepsOption, String(iterations)],
    ...["--start-iter", String(stepsDone)],
    ...["--export-path", join(runDir, EXPORT_DIR)],
    ...["--export-name", "export_{iter}.ply"],
    ...["--export-every", String(Math.max(LEAST_STEPS_PER_EXPORT, Math.ceil(iterations / EXPORTS_PER_RUN)))],
    ...["--eval-every", String(Math.max(LEAST_STEPS_PER_EVALUATION, Math.ceil(iterations / EVALUATIONS)))],
    ...["--max-resolution", String(trainedLongSide(options, largest))],
    ...["--sh-degree", String(GPU_PRESETS[preset].shDegree)],
    ...["--growth-stop-iter", String(scaledStep(15_000, iterations))],
    ...(max_splats === null ? [] : ["--max-splats", String(max_splats)]),
  ];
}

/**
 * Writes the dataset in Brush's layout: one file of training frames and one of held-out frames, with the photos and
 * points in the same folder, because Brush reads nothing from outside it.
 *
 * @param resumeFrom the splat of an interrupted training, relative to the training's folder; it replaces the points
 */
export async function writeDatasetView(
  runDir: string,
  transforms: Transforms,
  dataset: Dataset,
  resumeFrom: string | null,
): Promise<void> {
  const dir = join(runDir, DATASET_DIR);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await symlink(resolve(dataset.dir, "images"), join(dir, "images"));
  const seeds = resumeFrom === null ? transforms.ply_file_path : "init.ply";
  if (resumeFrom === null) await symlink(resolve(dataset.dir, seeds), join(dir, seeds));
  else await copyFile(join(runDir, resumeFrom), join(dir, seeds));
  const view = (names: readonly string[]) => {
    const frames = transforms.frames.filter(({ file_path }) => names.includes(file_path));
    return JSON.stringify({ ...transforms, frames, ply_file_path: seeds }, null, 1);
  };
  await writeFile(join(dir, "transforms.json"), view(transforms.train_filenames));
  if (transforms.test_filenames.length > 0) {
    await writeFile(join(dir, "transforms_test.json"), view(transforms.test_filenames));
  }
}

/** The splats that Brush exports while it trains, from which it can be resumed. */
export const EXPORTS = plySnapshots(EXPORT_DIR, /^export_(\d+)\.ply$/);

/** The newest export after a step, while the program runs; null when there is none. */
export function earlyExport(runDir: string, after: number): Promise<Snapshot | null> {
  return newestSnapshot(runDir, EXPORTS, after);
}
