import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, largestLens, plyVertexCount, readDataset } from "@splatt/formats";
import { failure, ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { GPU_PRESETS, trainedLongSide } from "../gpu-presets.ts";
import { shortOfGpuMemory } from "../gpus.ts";
import { trainWithProgram } from "../program-trainer.ts";
import { removeSnapshots } from "../snapshots.ts";
import { OPENSPLAT_SIGNS, parseLine } from "./output.ts";
import { askRelease, notFound, type OpensplatMachine, programEnvironment } from "./program.ts";
import { parseDevice } from "./release.ts";
import { downscaleFactor, SAVES, SPLAT_FILE, trainArgs, writeDatasetView } from "./run-layout.ts";

const MINUTE_MS = 60_000;

/**
 * Trains with OpenSplat, resuming from its last save.
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
  const read = await readDataset(dataset);
  if (!read.ok) return read;
  const transforms = read.value;
  const release = await askRelease(machine, context.signal);
  if (!release.ok) return release;
  return trainWithProgram(
    {
      engine: "opensplat",
      label: "OpenSplat",
      program: {
        file: machine.file,
        parse: parseLine,
        signs: OPENSPLAT_SIGNS,
        share: 1,
        // It prints a line for each photo that it loads, and a step takes 10 to 300 ms.
        silenceMs: 30 * MINUTE_MS,
        // When PyTorch finds no GPU, OpenSplat silently trains on the CPU, a hundred times slower.
        refuse: (line) => (parseDevice(line) === "CPU" && !machine.allowCpu ? WOULD_TRAIN_ON_CPU : null),
      },
      startMs: 60 * MINUTE_MS,
      stepMs: 2000,
      snapshots: SAVES,
      firstStep: 0,
      notFound: notFound(),
      obstacle: async () => shortOfGpuMemory(await machine.freeGpuMemory(machine.gpuUuid)),
      async prepare(tried, dir, from) {
        // The final file has no step in its name, so a leftover of an earlier run would be mistaken for this one's.
        await rm(join(dir, SPLAT_FILE), { force: true });
        await writeDatasetView(dir, transforms, dataset);
        const args = trainArgs(release.value, tried, transforms, from?.file ?? null);
        return { args, env: programEnvironment(machine) };
      },
      succeeded: ({ exitCode }) => exitCode === 0,
      findModel: async (dir) => ((await plyVertexCount(join(dir, SPLAT_FILE))).ok ? SPLAT_FILE : null),
      modelLabel: "a complete splat",
      async finish(tried, model, progress, { dir }) {
        await removeSnapshots(dir, SAVES, null);
        const saved = await plyVertexCount(join(dir, model));
        const { w, h } = largestLens(transforms);
        const factor = downscaleFactor(tried, { w, h });
        const psnr = progress?.psnr ?? null;
        return ok({
          gaussians: progress?.gaussians ?? (saved.ok ? saved.value : 0),
          iterations: tried.iterations,
          sh_degree: GPU_PRESETS[tried.preset].shDegree,
          width: Math.round(w / factor),
          height: Math.round(h / factor),
          held_out_frames: psnr === null ? 0 : 1,
          psnr,
          ssim: null,
        });
      },
    },
    options,
    trainedLongSide(options, largestLens(transforms)),
    context,
  );
}

const WOULD_TRAIN_ON_CPU = failure(
  "gpu_unavailable",
  "OpenSplat found no GPU and would have trained on the CPU.",
);
