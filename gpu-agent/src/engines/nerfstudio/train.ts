import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Exposure, loadDataset, measureExposure, withExposure } from "@splatt/cpu-trainer";
import { type Dataset, largestLens, readDataset } from "@splatt/formats";
import { err, failure, ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { FailureEvidence } from "../failure-evidence.ts";
import { trainedLongSide } from "../gpu-presets.ts";
import { shortOfGpuMemory } from "../gpus.ts";
import { trainWithProgram } from "../program-trainer.ts";
import { CHECKPOINTS, removeForeignFiles } from "./checkpoints.ts";
import { writeDatasetView } from "./dataset-view.ts";
import { NERFSTUDIO_SIGNS } from "./failure-signs.ts";
import { type HeldOutMetrics, parseHeldOutMetrics } from "./held-out-metrics.ts";
import { type Installation, toolEnvironment } from "./installation.ts";
import { noPython, runProgram } from "./program.ts";
import { CONFIG_FILE, commandLine, evalArgs, METRICS_FILE, trainArgs } from "./run-layout.ts";
import { parseTrainLine } from "./train-output.ts";
import { planTraining } from "./training-plan.ts";

const MINUTE_MS = 60_000;
const EVAL_TIMEOUT_MS = 20 * MINUTE_MS;

/** The part of the progress bar for the steps; the rest is for the evaluation on the held-out frames. */
const STEPS_SHARE = 0.97;

export interface TrainingMachine {
  readonly installation: Installation | null;
  /** The UUID of the GPU to train on; null leaves the choice to CUDA. */
  readonly gpuUuid: string | null;
  /** Bytes, null when unknown. */
  readonly freeGpuMemory: (uuid: string | null) => Promise<number | null>;
}

/**
 * Trains splatfacto and evaluates it on the held-out frames, in one process, since importing nerfstudio takes as long
 * as a short training; a failed evaluation is repeated in its own process. Prepares the folder so that the export
 * needs no GPU.
 *
 * Fails with `dataset_invalid`, `gpu_unavailable`, `gpu_out_of_memory`, `engine_unavailable`, `disk_full`,
 * `training_diverged`, `training_failed`, or what `runTool` returns.
 */
export async function train(
  machine: TrainingMachine,
  dataset: Dataset,
  options: TrainOptions,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  const { installation, gpuUuid } = machine;
  const read = await readDataset(dataset);
  if (!read.ok) return read;
  const transforms = read.value;
  if (installation === null) return err(noPython());
  const heldOut = transforms.test_filenames.length;
  const exposure = await exposureOf(dataset);
  const freeBytes = await machine.freeGpuMemory(gpuUuid);
  // A leftover of an interrupted run.
  await rm(join(context.dir, METRICS_FILE), { force: true });
  await removeForeignFiles(context.dir);
  return trainWithProgram(
    {
      engine: "nerfstudio",
      label: "nerfstudio",
      program: {
        file: installation.python,
        parse: parseTrainLine,
        signs: NERFSTUDIO_SIGNS,
        share: STEPS_SHARE,
        // The first run compiles gsplat's CUDA kernels, which takes minutes and prints nothing.
        silenceMs: 30 * MINUTE_MS,
      },
      // Start, image loading and compilation. A step takes 10 to 100 ms.
      startMs: 60 * MINUTE_MS,
      stepMs: 1000,
      snapshots: CHECKPOINTS,
      firstStep: 1,
      notFound: noPython(),
      obstacle: async () => shortOfGpuMemory(freeBytes),
      async prepare(tried, dir, from) {
        const plan = planTraining(tried, transforms, freeBytes, exposure?.varies ?? false);
        await writeDatasetView(dir, transforms, dataset, true);
        const evaluation = heldOut > 0 ? [evalArgs()] : [];
        return {
          args: commandLine(trainArgs(plan, from?.file ?? null), ...evaluation),
          env: {
            ...toolEnvironment(installation.python, gpuUuid),
            // Less than the silence limit, so that a stalled evaluation does not fail the attempt.
            SPLATT_THEN_SECONDS: String(EVAL_TIMEOUT_MS / 1000),
            ...(plan.maxSplats === null ? {} : { SPLATT_MAX_SPLATS: String(plan.maxSplats) }),
          },
        };
      },
      // ns-train exits with 0 when interrupted, and the evaluation after it may fail.
      succeeded: (_, { finished }) => finished,
      findModel: async (dir, iterations, newest) =>
        newest?.step === iterations - 1 && (await exists(join(dir, CONFIG_FILE))) ? CONFIG_FILE : null,
      modelLabel: "a complete last checkpoint",
      async finish(tried, _, progress, noting) {
        const metrics =
          heldOut === 0
            ? NOT_MEASURED
            : ((await readMetrics(noting.dir)) ?? (await evaluate(machine, tried.iterations, noting)));
        if (noting.signal.aborted) return err(failure("agent_stopped", ""));
        await writeDatasetView(noting.dir, transforms, dataset, false);
        const { iterations, shDegree, width, height } = planTraining(
          tried,
          transforms,
          freeBytes,
          exposure?.varies ?? false,
        );
        const report = {
          // Only densification prints the number; without it, the export is the first to count.
          gaussians: progress?.gaussians ?? 0,
          iterations,
          sh_degree: shDegree,
          width,
          height,
          held_out_frames: heldOut,
          psnr: metrics.psnr,
          ssim: metrics.ssim,
          ...(metrics.correctedPsnr === null ? {} : { psnr_color_corrected: metrics.correctedPsnr }),
        };
        return ok(exposure === null ? report : withExposure(report, exposure));
      },
    },
    options,
    trainedLongSide(options, largestLens(transforms)),
    context,
  );
}

const NOT_MEASURED: HeldOutMetrics = { psnr: null, ssim: null, correctedPsnr: null };

async function readMetrics(dir: string): Promise<HeldOutMetrics | null> {
  const text = await readFile(join(dir, METRICS_FILE), "utf8").catch(() => null);
  return text === null ? null : parseHeldOutMetrics(text);
}

/** Null for a dataset whose cameras or points cannot be read. */
async function exposureOf(dataset: Dataset): Promise<Exposure | null> {
  const loaded = await loadDataset(dataset);
  return loaded.ok ? measureExposure(loaded.value.train, loaded.value.points) : null;
}

/** PSNR and SSIM on the held-out frames, in its own process. A failure is logged and does not fail the job. */
async function evaluate(
  machine: TrainingMachine,
  iterations: number,
  context: StageContext,
): Promise<HeldOutMetrics> {
  context.report({
    fraction: STEPS_SHARE,
    message: `Training Gaussian Splat... Step ${iterations}/${iterations} (measuring quality on held-out frames)`,
  });
  const evidence = new FailureEvidence(NERFSTUDIO_SIGNS);
  const exit = await runProgram(
    machine.installation,
    {
      args: commandLine(evalArgs()),
      gpu: machine.gpuUuid,
      cwd: context.dir,
      timeoutMs: EVAL_TIMEOUT_MS,
      silenceMs: EVAL_TIMEOUT_MS,
      onLine: (line) => evidence.observe(line),
    },
    context,
  );
  const metrics = await readMetrics(context.dir);
  if (metrics !== null) return metrics;
  const why = exit.ok ? evidence.conclude(exit.value, "training_failed", "its results") : exit.error;
  context.log.warn({ why: why.detail }, "nerfstudio: evaluating the held-out frames failed");
  return NOT_MEASURED;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
