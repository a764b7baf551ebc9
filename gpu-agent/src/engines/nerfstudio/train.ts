import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, plyVertexCount, readDataset, type Transforms } from "@splatt/formats";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "../engine.ts";
import { FailureEvidence } from "../failure-evidence.ts";
import { trainedLongSide } from "../gpu-presets.ts";
import { shortOfGpuMemory } from "../gpus.ts";
import { trainWithSecondTry } from "../second-try.ts";
import type { SteppedFile } from "../stepped-files.ts";
import { runTrainingProgram } from "../training-program.ts";
import { startProgress, type TrainingProgress } from "../training-progress.ts";
import { findCheckpoint } from "./checkpoints.ts";
import { writeDatasetView } from "./dataset-view.ts";
import { NERFSTUDIO_SIGNS } from "./failure-signs.ts";
import { type HeldOutMetrics, parseHeldOutMetrics } from "./held-out-metrics.ts";
import { type Installation, toolEnvironment } from "./installation.ts";
import { noPython, runProgram } from "./program.ts";
import {
  CHECKPOINT_DIR,
  CONFIG_FILE,
  checkpointName,
  commandLine,
  evalArgs,
  METRICS_FILE,
  trainArgs,
} from "./run-layout.ts";
import { parseTrainLine } from "./train-output.ts";
import { planTraining, type TrainingPlan } from "./training-plan.ts";

const MINUTE_MS = 60_000;
/** Compiling gsplat's CUDA kernels on the first run takes minutes, on a small machine many, without a word. */
const TRAIN_SILENCE_MS = 30 * MINUTE_MS;
/** Start, image loading and compilation. A step takes 10 to 100 ms. */
const TRAIN_START_MS = 60 * MINUTE_MS;
const TRAIN_STEP_MS = 1000;
const EVAL_TIMEOUT_MS = 20 * MINUTE_MS;

/** What is left of the bar after the last step: the measurement on the held-out frames. */
const STEPS_SHARE = 0.97;
export interface TrainingMachine {
  readonly installation: Installation | null;
  /** The UUID of the GPU to train on; null leaves the choice to CUDA. */
  readonly gpuUuid: string | null;
  /** Bytes, null when unknown. */
  readonly freeGpuMemory: (uuid: string | null) => Promise<number | null>;
}

/**
 * Trains splatfacto and measures it on the held-out frames, in one process, since importing nerfstudio takes as long
 * as a short training; a measurement that fails there is tried again in a process of its own. Leaves the folder such
 * that the export needs no GPU. When the GPU's memory runs out it tries once more with less.
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
  const transforms = await readDataset(dataset);
  if (!transforms.ok) return transforms;
  const scene = { dataset, transforms: transforms.value };
  return trainWithSecondTry(
    options,
    trainedLongSide(options, scene.transforms),
    context,
    (tried, noting, onProgress) => trainOnce(machine, scene, tried, noting, onProgress),
  );
}

interface Scene {
  readonly dataset: Dataset;
  readonly transforms: Transforms;
}

async function trainOnce(
  machine: TrainingMachine,
  { dataset, transforms }: Scene,
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<StageResult<TrainedModel>> {
  const freeBytes = await machine.freeGpuMemory(machine.gpuUuid);
  const plan = planTraining(options, transforms, freeBytes);
  await writeDatasetView(context.dir, transforms, dataset, true);
  // It would be of a run that was cut off.
  await rm(join(context.dir, METRICS_FILE), { force: true });
  const heldOut = transforms.test_filenames.length;
  const trained = await trainOrResume(machine, plan, heldOut > 0, freeBytes, context, onProgress);
  if (!trained.ok) return trained;

  const metrics =
    heldOut === 0
      ? NOT_MEASURED
      : ((await readMetrics(context.dir)) ?? (await measure(machine, plan, context)));
  if (context.signal.aborted) return err(failure("agent_stopped", ""));
  await writeDatasetView(context.dir, transforms, dataset, false);
  const seeds = await plyVertexCount(join(dataset.dir, transforms.ply_file_path));
  return ok({
    model: CONFIG_FILE,
    report: {
      // Densification says how many there are; a training too short for it has as many as it began with.
      gaussians: trained.value.gaussians ?? (seeds.ok ? seeds.value : 0),
      iterations: plan.iterations,
      sh_degree: plan.shDegree,
      width: plan.width,
      height: plan.height,
      held_out_frames: heldOut,
      psnr: metrics.psnr,
      ssim: metrics.ssim,
    },
  });
}

async function trainOrResume(
  machine: TrainingMachine,
  plan: TrainingPlan,
  measures: boolean,
  freeBytes: number | null,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<Result<TrainingProgress, Failure>> {
  const checkpoint = await findCheckpoint(context.dir);
  if (checkpoint !== null && checkpoint.step === plan.iterations - 1) {
    context.log.info("nerfstudio: an interrupted run had finished training");
    return ok(startProgress(plan.iterations, ""));
  }

  const shortage = shortOfGpuMemory(freeBytes);
  if (shortage !== null) return err(shortage);

  if (checkpoint !== null) {
    context.log.info({ step: checkpoint.step }, "nerfstudio: resuming from a checkpoint");
    const resumed = await runTraining(machine, plan, measures, checkpoint, context, onProgress);
    if (resumed.ok || resumed.error.code !== "training_failed") return resumed;
    context.log.warn({ failure: resumed.error }, "nerfstudio: resuming failed, training from the start");
    await rm(join(context.dir, CHECKPOINT_DIR), { recursive: true, force: true });
  }
  return runTraining(machine, plan, measures, null, context, onProgress);
}

async function runTraining(
  { installation, gpuUuid }: TrainingMachine,
  plan: TrainingPlan,
  measures: boolean,
  checkpoint: SteppedFile | null,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<Result<TrainingProgress, Failure>> {
  if (installation === null) return err(noPython());
  const { iterations, maxSplats } = plan;
  const run = await runTrainingProgram(
    {
      file: installation.python,
      args: commandLine(trainArgs(plan, checkpoint?.file ?? null), ...(measures ? [evalArgs()] : [])),
      cwd: context.dir,
      env: {
        ...toolEnvironment(installation.python, gpuUuid),
        // Within the silence that training may keep, so that a measurement that stalls costs no attempt.
        SPLATT_THEN_SECONDS: String(EVAL_TIMEOUT_MS / 1000),
        ...(maxSplats === null ? {} : { SPLATT_MAX_SPLATS: String(maxSplats) }),
      },
      timeoutMs: TRAIN_START_MS + iterations * TRAIN_STEP_MS,
      silenceMs: TRAIN_SILENCE_MS,
      iterations,
      stepsDone: checkpoint === null ? 0 : checkpoint.step + 1,
      starting: "starting nerfstudio",
      share: STEPS_SHARE,
      parse: parseTrainLine,
      signs: NERFSTUDIO_SIGNS,
    },
    context,
    onProgress,
  );
  if (!run.ok) return run.error.code === "tool_missing" ? err(noPython()) : run;
  const { exit, progress, evidence } = run.value;

  // The exit code says nothing: ns-train also ends with 0 when it was interrupted.
  const last = join(CHECKPOINT_DIR, checkpointName(iterations - 1));
  const whole = (await findCheckpoint(context.dir))?.file === last;
  if (progress.finished && whole && (await exists(join(context.dir, CONFIG_FILE)))) return ok(progress);
  const missing = progress.finished ? "a whole last checkpoint and config.yml" : "finishing the training";
  return err(evidence.conclude(exit, "training_failed", missing));
}

const NOT_MEASURED: HeldOutMetrics = { psnr: null, ssim: null };

async function readMetrics(dir: string): Promise<HeldOutMetrics | null> {
  const text = await readFile(join(dir, METRICS_FILE), "utf8").catch(() => null);
  return text === null ? null : parseHeldOutMetrics(text);
}

/**
 * PSNR and SSIM on the held-out frames, in a process of its own. A failure of the measurement is logged, and fails
 * nothing.
 */
async function measure(
  machine: TrainingMachine,
  plan: TrainingPlan,
  context: StageContext,
): Promise<HeldOutMetrics> {
  context.report({
    fraction: STEPS_SHARE,
    message: `Training Gaussian Splat... Step ${plan.iterations}/${plan.iterations} (measuring quality on held-out frames)`,
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
  context.log.warn({ why: why.detail }, "nerfstudio: the held-out frames could not be measured");
  return NOT_MEASURED;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
