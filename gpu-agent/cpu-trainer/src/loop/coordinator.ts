import { join } from "node:path";
import { writeShPly } from "@splatt/formats/splats";
import type { TrainReport } from "@splatt/shared";
import { errorText, type Failure, failure, ok, type Result } from "@splatt/shared/outcomes";
import { cameraToWorld } from "../dataset/camera.ts";
import type { ImageSize } from "../dataset/downscale.ts";
import type { FrameSlot } from "../dataset/frame-stores.ts";
import { loadPhotos, type PhotoTask, waitForPhotos } from "../dataset/photo-loading.ts";
import { initialiseGaussians } from "../scene/gaussians.ts";
import { seedPoints } from "../scene/initialisation.ts";
import { deriveSeed, Random } from "../scene/random.ts";
import { toSplatCloud } from "../scene/splat-conversion.ts";
import type { Workspace } from "../scene/workspace.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { writeEarlySplat } from "./early-splat.ts";
import type { CoordinatorTask, ThreadMessage, TrainedScene } from "./messages.ts";
import { meanMetrics } from "./metrics.ts";
import { Paced } from "./paced.ts";
import { logLine, pointOf, progressMessage, type Status } from "./progress-text.ts";
import { posesJudgedAfter, workDone } from "./schedule.ts";
import { ThreadTeam } from "./thread-team.ts";
import { Training } from "./training.ts";

/** In the training's folder. */
export const CHECKPOINT_FILE = "checkpoint.bin";
export const MODEL_FILE = "splats.ply";

const ITERATIONS_PER_LINE = 100;
/** How many times held-out frames are evaluated during training, and how many of them each time. */
const EVALUATIONS = 10;
const FRAMES_PER_EVALUATION = 8;
/** The share of the progress bar for loading photos. */
const LOADING_SHARE = 0.03;
/** The largest share of the time spent on checkpoints: small scenes get one every second, large ones rarely. */
const CHECKPOINT_SHARE = 0.02;
/** The same for early splats. */
const EARLY_SPLAT_SHARE = 0.01;
/** Weight of the latest loss in the running mean. */
const LOSS_WEIGHT = 0.02;

/**
 * The coordinator thread: loads photos together with the workers, trains from the last checkpoint or from the seed
 * points, and writes the splat to `task.dir`. Its last message is `done` or `failed`.
 */
export async function coordinate(
  task: CoordinatorTask,
  photos: PhotoTask,
  workspace: Workspace,
  controlBlock: Int32Array,
  post: (message: ThreadMessage) => void,
): Promise<void> {
  const { iterations } = task.settings;
  const all = photos.frames.length;
  const reportLoaded = (loaded: number) => {
    const message = `Training Gaussian Splat... Step 0/${iterations}, loading photo ${loaded}/${all}`;
    post({ type: "progress", fraction: (LOADING_SHARE * loaded) / all, message });
  };
  reportLoaded(0);
  const loaded = await loadPhotos(photos, new Uint8Array(workspace.memory.buffer), reportLoaded);
  if (!loaded.ok) return post({ type: "failed", failure: loaded.error });
  waitForPhotos(photos, reportLoaded);

  const start = startingPoint(task, workspace, (line) => post({ type: "line", line }));
  const team = new ThreadTeam(controlBlock, workspace, task.workers);
  const training = new Training(workspace, team, task, task.settings, start.progress);
  const trained = await train(task, workspace, training, start.elapsedMs, post);
  if (!trained.ok) return post({ type: "failed", failure: trained.error });
  post({ type: "line", line: passTimes(team, iterations - start.progress.iteration) });
  const finished = await finish(task, workspace, training);
  post(finished.ok ? { type: "done", scene: finished.value } : { type: "failed", failure: finished.error });
}

/** The last checkpoint, or gaussians initialised from the seed points. */
function startingPoint(
  task: CoordinatorTask,
  workspace: Workspace,
  line: (text: string) => void,
): Checkpoint {
  const found = readCheckpoint(join(task.dir, CHECKPOINT_FILE), task.checkpointKey, workspace);
  if (found.ok && found.value !== null) {
    line(`resuming from the checkpoint of step ${found.value.progress.iteration}`);
    return found.value;
  }
  if (!found.ok) line(`ignoring the checkpoint: ${found.error}`);
  const { settings, points, train } = task;
  const seeds = seedPoints(
    points,
    train.map((frame) => frame.camera),
    { atLeast: settings.leastSeedPoints, atMost: settings.capacity },
    new Random(deriveSeed(settings.seed)),
  );
  initialiseGaussians(workspace, seeds, settings.initialOpacity);
  line(`starting with ${seeds.count} gaussians, ${seeds.sparsePoints} of them sparse points`);
  return {
    progress: { iteration: 0, count: seeds.count, seedPoints: seeds.count, gains: task.gains, poses: null },
    elapsedMs: 0,
  };
}

/** Runs the remaining iterations: reports progress, and writes checkpoints and early splats. */
async function train(
  task: CoordinatorTask,
  workspace: Workspace,
  training: Training,
  elapsedBeforeMs: number,
  post: (message: ThreadMessage) => void,
): Promise<Result<void, Failure>> {
  const { settings } = task;
  const levels = task.slots[0]?.stores.length ?? 1;
  const { iterations } = settings;
  const startedAt = performance.now();
  let meanLoss = Number.NaN;
  let psnr: number | null = null;
  let lastReport = startedAt;
  const checkpoints = new Paced(task.checkpointIntervalMs, CHECKPOINT_SHARE, startedAt);
  const earlySplats = new Paced(task.earlySplatIntervalMs, EARLY_SPLAT_SHARE, startedAt);
  let lastLine = { iteration: training.progress.iteration, at: startedAt };
  while (training.progress.iteration < iterations) {
    const { loss, densification } = training.step();
    const { iteration, count } = training.progress;
    if (!Number.isFinite(loss)) {
      return { ok: false, error: failure("training_diverged", `The loss of step ${iteration} is ${loss}.`) };
    }
    meanLoss = Number.isNaN(meanLoss) ? loss : meanLoss + LOSS_WEIGHT * (loss - meanLoss);
    if (densification !== null) {
      const { split, recycled } = densification;
      post({ type: "line", line: `step ${iteration}: ${split} gaussians split, ${recycled} recycled` });
    }
    if (
      Math.floor((EVALUATIONS * iteration) / iterations) >
      Math.floor((EVALUATIONS * (iteration - 1)) / iterations)
    ) {
      psnr = training.evaluate(FRAMES_PER_EVALUATION)?.psnr ?? null;
    }
    if (posesJudgedAfter(settings, iteration)) post({ type: "line", line: judgePoses(training) });
    const status: Status = { iteration, iterations, gaussians: count, loss: meanLoss, psnr };
    const now = performance.now();
    if (iteration % ITERATIONS_PER_LINE === 0 || iteration === iterations) {
      const msPerIteration = (now - lastLine.at) / (iteration - lastLine.iteration);
      lastLine = { iteration, at: now };
      post({ type: "line", line: logLine(status, msPerIteration) });
    }
    if (now - lastReport >= task.reportIntervalMs || iteration === iterations) {
      lastReport = now;
      const fraction = LOADING_SHARE + (1 - LOADING_SHARE) * workDone(settings, iteration, levels);
      post({ type: "progress", fraction, message: progressMessage(status), point: pointOf(status) });
    }
    if (checkpoints.isDue(now) && iteration < iterations) {
      const elapsedMs = elapsedBeforeMs + now - startedAt;
      try {
        writeCheckpoint(join(task.dir, CHECKPOINT_FILE), task.checkpointKey, workspace, {
          progress: training.progress,
          elapsedMs,
        });
      } catch (error) {
        // Training does not need it. A full disk shows when the splat is written.
        post({ type: "line", line: `no checkpoint written: ${errorText(error)}` });
      }
      checkpoints.done(now, performance.now());
    }
    if (earlySplats.isDue(now) && iteration < iterations) {
      const began = performance.now();
      const cloud = toSplatCloud(workspace.params, count, settings.shDegree);
      // Nothing depends on it. A broken disk shows elsewhere.
      await writeEarlySplat(task.dir, iteration, cloud).catch(() => undefined);
      earlySplats.done(began, performance.now());
    }
  }
  return ok(undefined);
}

/** How many held-out frames tell whether the poses are exact. */
const FRAMES_JUDGED = 4;
/**
 * By how much, in dB, fitted cameras must improve held-out frames. Those of exact poses gain less: see
 * docs/benchmarks.md.
 */
const LEAST_GAIN = 0.25;

/**
 * Lets the cameras of the training frames move where those of held-out frames show that the given poses are not exact.
 */
function judgePoses(training: Training): string {
  const registered = training.registerHeldOut(FRAMES_JUDGED);
  if (registered.length === 0) return "poses are kept as given: no frame is held out";
  const gain = meanOf(registered, ({ given, fitted }) => fitted.psnr - given.psnr);
  const moves = gain >= LEAST_GAIN;
  if (moves) training.refinePoses();
  return `fitted cameras gain ${gain.toFixed(2)} dB on held-out frames: poses are ${moves ? "refined" : "kept as given"}`;
}

function meanOf<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0) / values.length;
}

/** Writes the splat and evaluates it on the held-out frames. */
async function finish(
  task: CoordinatorTask,
  workspace: Workspace,
  training: Training,
): Promise<Result<TrainedScene, Failure>> {
  const { settings, heldOut } = task;
  const { width, height } = largestSize(task.slots);
  const cloud = toSplatCloud(workspace.params, training.progress.count, settings.shDegree);
  if (cloud.count === 0) {
    return { ok: false, error: failure("training_diverged", "No gaussian of the scene is left.") };
  }
  await writeShPly(join(task.dir, MODEL_FILE), cloud);
  const { poses } = training.progress;
  const registered = poses === null ? [] : training.registerHeldOut();
  const isRefined = poses !== null && registered.length > 0;
  const metrics = isRefined ? meanMetrics(registered.map(({ fitted }) => fitted)) : training.evaluate();
  const report: TrainReport = {
    gaussians: cloud.count,
    iterations: settings.iterations,
    sh_degree: settings.shDegree,
    width,
    height,
    held_out_frames: heldOut.length,
    psnr: finiteOrNull(metrics?.psnr),
    ssim: finiteOrNull(metrics?.ssim),
    psnr_color_corrected: finiteOrNull(metrics?.correctedPsnr),
    ...(isRefined ? { psnr_given_poses: finiteOrNull(meanOf(registered, ({ given }) => given.psnr)) } : {}),
  };
  const refined = isRefined ? [...poses, ...registered.map(({ pose }) => pose)] : null;
  return ok({ report, poses: refined?.map(cameraToWorld) ?? null });
}

/** A rendering that equals its photo, such as one of a single pixel, has no PSNR. */
function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** The size at which the largest photos are trained. */
function largestSize(slots: readonly FrameSlot[]): ImageSize {
  const sizes = slots.flatMap(({ stores }) => stores.slice(0, 1));
  return sizes.reduce<ImageSize>(
    (most, size) => (size.width * size.height > most.width * most.height ? size : most),
    { width: 0, height: 0 },
  );
}

function passTimes(team: ThreadTeam, iterations: number): string {
  const times = [...team.milliseconds].map(
    ([pass, ms]) => `${pass} ${(ms / Math.max(1, iterations)).toFixed(2)}`,
  );
  return `ms/iteration: ${times.join(", ")}`;
}
