import { join } from "node:path";
import { type Dataset, largestLens, plyVertexCount, readDataset } from "@splatt/formats";
import { ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { GPU_PRESETS, trainedLongSide } from "../gpu-presets.ts";
import { trainWithProgram } from "../program-trainer.ts";
import { removeSnapshots } from "../snapshots.ts";
import { BRUSH_SIGNS, parseLine } from "./output.ts";
import { askRelease, type BrushMachine, notFound } from "./program.ts";
import { EXPORTS, trainArgs, writeDatasetView } from "./run-layout.ts";

const MINUTE_MS = 60_000;

/**
 * Trains with Brush, resuming from its last export.
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
  const read = await readDataset(dataset);
  if (!read.ok) return read;
  const transforms = read.value;
  const release = await askRelease(machine, context.signal);
  if (!release.ok) return release;
  const largest = largestLens(transforms);
  const env = { RUST_LOG: "info", RUST_BACKTRACE: "0" };
  return trainWithProgram(
    {
      engine: "brush",
      label: "Brush",
      program: {
        file: machine.file,
        parse: parseLine,
        signs: BRUSH_SIGNS,
        share: 1,
        // Between two evaluations, or two exports when no frames are held out.
        silenceMs: 60 * MINUTE_MS,
      },
      startMs: 60 * MINUTE_MS,
      stepMs: 2000,
      snapshots: EXPORTS,
      firstStep: 0,
      notFound: notFound(),
      async prepare(tried, dir, from) {
        await writeDatasetView(dir, transforms, dataset, from?.file ?? null);
        return { args: trainArgs(release.value, tried, largest, dir, from?.step ?? 0), env };
      },
      succeeded: ({ exitCode }) => exitCode === 0,
      // Brush only warns when an export fails.
      findModel: async (_, iterations, newest) => (newest?.step === iterations ? newest.file : null),
      modelLabel: "the last export",
      async finish(tried, model, progress, { dir }) {
        await removeSnapshots(dir, EXPORTS, model);
        const exported = await plyVertexCount(join(dir, model));
        const scale = trainedLongSide(tried, largest) / Math.max(largest.w, largest.h);
        return ok({
          gaussians: progress?.gaussians ?? (exported.ok ? exported.value : 0),
          iterations: tried.iterations,
          sh_degree: GPU_PRESETS[tried.preset].shDegree,
          width: Math.round(largest.w * scale),
          height: Math.round(largest.h * scale),
          held_out_frames: transforms.test_filenames.length,
          psnr: progress?.psnr ?? null,
          ssim: progress?.ssim ?? null,
        });
      },
    },
    options,
    trainedLongSide(options, largest),
    context,
  );
}
