import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Dataset, Matrix4, Transforms } from "@splatt/formats";
import {
  err,
  errorText,
  type Failure,
  failure,
  type MetricPoint,
  ok,
  type Result,
  type TrainReport,
} from "@splatt/shared";
import { type LoadedDataset, loadDataset } from "../dataset/dataset-loading.ts";
import { type Exposure, measureExposure, withExposure } from "../dataset/exposure.ts";
import { createPhotoCounters } from "../dataset/photo-loading.ts";
import { compileKernels, createMemory } from "../kernels/kernels.ts";
import { cameraExtent, planScene } from "../scene/scene-plan.ts";
import { type TrainingSettings, type TrainOptions, trainingSettings } from "../training-settings.ts";
import { checkpointKey } from "./checkpoint.ts";
import { CHECKPOINT_FILE, MODEL_FILE } from "./coordinator.ts";
import { removeEarlySplats } from "./early-splat.ts";
import type { ThreadMessage, ThreadTask, TrainedScene } from "./messages.ts";
import { createControlBlock } from "./thread-team.ts";

export interface TrainerOptions {
  readonly threads: number;
  readonly checkpointIntervalMs: number;
  readonly earlySplatIntervalMs: number;
  readonly reportIntervalMs: number;
}

export interface TrainingContext {
  readonly signal: AbortSignal;
  /** Holds the checkpoint of an interrupted run, and the trained splat in the end. */
  readonly dir: string;
  report(progress: {
    readonly fraction: number;
    readonly message: string;
    readonly point?: MetricPoint;
  }): void;
  /** Receives a line of the training log. */
  toolOutput(line: string): void;
}

export interface TrainedSplat {
  readonly report: TrainReport;
  /** The PLY with spherical harmonics, relative to the context's folder. */
  readonly model: string;
  /**
   * The dataset's transforms.json with refined poses, relative to the context's folder; absent where they are as given.
   */
  readonly refinedTransforms?: string;
}

const REFINED_TRANSFORMS_FILE = "refined-transforms.json";

/**
 * Trains a dataset on its own worker threads, so the caller's event loop stays free. All threads have ended when the
 * promise settles.
 *
 * @returns `dataset_invalid`, `training_diverged`, or `agent_stopped` when the signal was aborted
 * @throws the error of a training thread, such as a full disk
 */
export async function train(
  trainer: TrainerOptions,
  dataset: Dataset,
  options: TrainOptions,
  context: TrainingContext,
): Promise<Result<TrainedSplat, Failure>> {
  const loaded = await loadDataset(dataset);
  if (!loaded.ok) return loaded;
  const settings = trainingSettings(options);
  const key = await datasetKey(dataset, loaded.value, settings);
  if (!key.ok) return key;
  const exposure = await measureExposure(loaded.value.train, loaded.value.points);
  context.toolOutput(exposureLine(exposure));
  const trained = await trainOnThreads(trainer, loaded.value, settings, exposure, key.value, context);
  if (!trained.ok) return trained;
  const { report, poses } = trained.value;
  if (poses !== null) {
    const refined = withPoses(loaded.value, poses);
    await writeFile(join(context.dir, REFINED_TRANSFORMS_FILE), JSON.stringify(refined, null, 2));
  }
  await rm(join(context.dir, CHECKPOINT_FILE), { force: true });
  await removeEarlySplats(context.dir);
  return ok({
    report: withExposure(report, exposure),
    model: MODEL_FILE,
    ...(poses === null ? {} : { refinedTransforms: REFINED_TRANSFORMS_FILE }),
  });
}

/** @param poses of the frames of `train`, then of those of `heldOut` */
function withPoses({ transforms, train, heldOut }: LoadedDataset, poses: readonly Matrix4[]): Transforms {
  const refined = new Map([...train, ...heldOut].map(({ name }, i) => [name, poses[i]]));
  const frames = transforms.frames.map((frame) => ({
    ...frame,
    transform_matrix: refined.get(frame.file_path) ?? frame.transform_matrix,
  }));
  return { ...transforms, frames };
}

function exposureLine({ spread, varies }: Exposure): string {
  const percent = `the exposure differs by ±${(100 * spread).toFixed(1)} % between frames`;
  return varies ? `${percent}: each frame gets its own gain` : percent;
}

/** Identifies everything that determines the result: poses, points, photos and settings. */
async function datasetKey(
  dataset: Dataset,
  { transforms, train, heldOut }: LoadedDataset,
  settings: TrainingSettings,
): Promise<Result<string, Failure>> {
  try {
    const sizes = await Promise.all([...train, ...heldOut].map(async ({ path }) => (await stat(path)).size));
    return ok(
      checkpointKey(
        JSON.stringify(settings),
        JSON.stringify(transforms),
        await readFile(join(dataset.dir, transforms.ply_file_path)),
        sizes.join(),
      ),
    );
  } catch (error) {
    return err(failure("dataset_invalid", errorText(error)));
  }
}

async function trainOnThreads(
  { threads, ...intervals }: TrainerOptions,
  { train, heldOut, points }: LoadedDataset,
  settings: TrainingSettings,
  exposure: Exposure,
  key: string,
  context: TrainingContext,
): Promise<Result<TrainedScene, Failure>> {
  const frames = [...train, ...heldOut];
  const lenses = frames.map(({ lens }) => lens);
  const { layout, slots } = planScene(settings, lenses, threads);
  const shared = {
    memory: createMemory(layout),
    module: compileKernels(layout),
    layout,
    controlBlock: createControlBlock(),
    photos: {
      frames,
      slots,
      counters: createPhotoCounters(),
    },
  };
  const coordinator = {
    workers: threads - 1,
    settings,
    train,
    heldOut,
    slots,
    points,
    gains: exposure.varies ? exposure.gains : null,
    extent: cameraExtent(train.map((frame) => frame.camera)),
    dir: context.dir,
    checkpointKey: key,
    ...intervals,
  };
  const workers: Worker[] = [];
  const stopped = Promise.withResolvers<Result<never, Failure>>();
  const onAbort = () => stopped.resolve(err(failure("agent_stopped", "")));
  context.signal.addEventListener("abort", onAbort);
  try {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    for (let thread = 0; thread < threads; thread++) {
      const task: ThreadTask = { ...shared, thread, coordinator: thread === 0 ? coordinator : null };
      workers.push(new Worker(new URL("./worker.ts", import.meta.url), { workerData: task }));
    }
    return await Promise.race([stopped.promise, outcome(workers, context)]);
  } finally {
    context.signal.removeEventListener("abort", onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Forwards the threads' messages until the coordinator has finished or a thread has failed. */
function outcome(
  workers: readonly Worker[],
  context: TrainingContext,
): Promise<Result<TrainedScene, Failure>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: ThreadMessage) => {
      if (message.type === "done") resolve(ok(message.scene));
      else if (message.type === "failed") resolve(err(message.failure));
      else if (message.type === "line") context.toolOutput(message.line);
      else {
        const { fraction, message: text, point } = message;
        context.report({ fraction, message: text, ...(point === undefined ? {} : { point }) });
      }
    };
    for (const worker of workers) {
      worker.on("message", onMessage);
      worker.on("error", reject);
      worker.on("exit", (code) => reject(new Error(`A training thread exited with code ${code}.`)));
    }
  });
}
