import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type Dataset, type Lens, largestLens, type Transforms } from "@splatt/formats";
import type { TrainOptions } from "../engine.ts";
import { GPU_PRESETS, scaledStep, trainedLongSide } from "../gpu-presets.ts";
import { newestSnapshot, plySnapshots, type Snapshot } from "../snapshots.ts";
import type { Release } from "./release.ts";

/* OpenSplat's arguments, input and output, relative to the folder that a training runs in. */

const DATASET_DIR = "opensplat-dataset";
export const SPLAT_FILE = "splat.ply";
/** Saves of a training, from which it can be resumed. */
const SAVES_PER_RUN = 5;
const LEAST_STEPS_PER_SAVE = 500;

/** OpenSplat can hold out and evaluate only one frame: the middle one of the held-out frames. */
export function judgeOf({ test_filenames }: Pick<Transforms, "test_filenames">): string | null {
  return test_filenames[Math.floor(test_filenames.length / 2)] ?? null;
}

/** The factor by which photos are shrunk for training; OpenSplat has no option for a size. */
export function downscaleFactor(options: TrainOptions, largest: Pick<Lens, "w" | "h">): number {
  return Math.max(largest.w, largest.h) / trainedLongSide(options, largest);
}

/** @param resumeFrom a splat of an interrupted run, relative to the training's folder */
export function trainArgs(
  release: Release,
  options: TrainOptions,
  transforms: Transforms,
  resumeFrom: string | null,
): string[] {
  const { iterations, preset, max_splats } = options;
  const judge = judgeOf(transforms);
  const at = (step: number) => String(scaledStep(step, iterations));
  return [
    DATASET_DIR,
    ...["--output", SPLAT_FILE],
    ...["--num-iters", String(iterations)],
    ...["--save-every", String(Math.max(LEAST_STEPS_PER_SAVE, Math.ceil(iterations / SAVES_PER_RUN)))],
    ...["--downscale-factor", downscaleFactor(options, largestLens(transforms)).toFixed(4)],
    ...["--sh-degree", String(GPU_PRESETS[preset].shDegree)],
    ...["--sh-degree-interval", at(1000)],
    ...(release.since12
      ? [
          ...["--densify-from", at(500)],
          ...["--refine-every", String(scaledStep(500, iterations, 100))],
          ...(max_splats === null ? [] : ["--max-gaussians", String(max_splats)]),
        ]
      : [
          "--keep-crs",
          ...["--warmup-length", at(500)],
          ...["--resolution-schedule", at(3000)],
          ...["--stop-screen-size-at", at(4000)],
        ]),
    ...(judge === null ? [] : ["--val", "--val-image", basename(judge)]),
    ...(resumeFrom === null ? [] : ["--resume", resumeFrom]),
  ];
}

/**
 * The dataset in OpenSplat's format. OpenSplat trains on every frame except the one that it evaluates, so the other
 * held-out frames are left out.
 */
export function datasetView(transforms: Transforms, dataset: Dataset): object {
  const place = (file: string) => resolve(dataset.dir, file);
  const judge = judgeOf(transforms);
  const shown = new Set([...transforms.train_filenames, ...(judge === null ? [] : [judge])]);
  const frames = transforms.frames.filter(({ file_path }) => shown.has(file_path));
  return {
    ...transforms,
    frames: frames.map((frame) => ({ ...frame, file_path: place(frame.file_path) })),
    ply_file_path: place(transforms.ply_file_path),
  };
}

export async function writeDatasetView(
  runDir: string,
  transforms: Transforms,
  dataset: Dataset,
): Promise<void> {
  const dir = join(runDir, DATASET_DIR);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "transforms.json"), JSON.stringify(datasetView(transforms, dataset), null, 1));
}

/** The splats that OpenSplat saves while it trains, from which it can be resumed. */
export const SAVES = plySnapshots(".", /^splat_(\d+)\.ply$/);

/** The newest save after a step, while the program runs; null when there is none. */
export function earlySave(runDir: string, after: number): Promise<Snapshot | null> {
  return newestSnapshot(runDir, SAVES, after);
}
