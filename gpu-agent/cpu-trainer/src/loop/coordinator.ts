import { join } from "node:path";
import { writeShPly } from "@splatt/formats";
import { type Failure, failure, ok, type Result, type TrainReport } from "@splatt/shared";
import { loadPhotos, type PhotoTask, waitForPhotos } from "../dataset/photo-loading.ts";
import { initialiseGaussians } from "../scene/gaussians.ts";
import { seedPoints } from "../scene/initialisation.ts";
import { deriveSeed, Random } from "../scene/random.ts";
import { toSplatCloud } from "../scene/splat-conversion.ts";
import type { Workspace } from "../scene/workspace.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { writeEarlySplat } from "./early-splat.ts";
import type { LeadTask, ThreadMessage } from "./messages.ts";
import { Paced } from "./paced.ts";
import { logLine, progressMessage, type Status } from "./progress-text.ts";
import { workDone } from "./schedule.ts";
import { Team } from "./thread-team.ts";
import { Training } from "./training.ts";

/** In the training's folder. */
export const CHECKPOINT_FILE = "checkpoint.bin";
export const MODEL_FILE = "splats.ply";

const ITERATIONS_PER_LINE = 100;
/** How often, and at how many held-out frames, is looked while training runs. */
const LOOKS = 10;
const FRAMES_PER_LOOK = 8;
/** Share of the progress bar that loading the photos takes. */
const LOADING_SHARE = 0.03;
/** Most of the time that writing checkpoints may take: small scenes have them every second, large ones rarely. */
const CHECKPOINT_SHARE = 0.02;
/** And that writing splats for a look may take. */
const EARLY_SPLAT_SHARE = 0.01;
/** Weight of the latest loss in the running mean. */
const LOSS_WEIGHT = 0.02;

/**
 * The leading thread's work: loads the photos with the others, trains from the last checkpoint or from the seed points, and
 * leaves the splat in `task.dir`. Tells at last how it ended, with `done` or `failed`.
 */
export async function lead(
  task: LeadTask,
  photos: PhotoTask,
  workspace: Workspace,
  words: Int32Array,
  tell: (message: ThreadMessage) => void,
): Promise<void> {
  const { iterations } = task.settings;
  const all = photos.frames.length;
  const tellLoaded = (loaded: number) => {
    const message = `Training Gaussian Splat... Step 0/${iterations}, loading photo ${loaded}/${all}`;
    tell({ type: "progress", fraction: (LOADING_SHARE * loaded) / all, message });
  };
  tellLoaded(0);
  const loaded = await loadPhotos(photos, new Uint8Array(workspace.memory.buffer), tellLoaded);
  if (!loaded.ok) return tell({ type: "failed", failure: loaded.error });
  waitForPhotos(photos, tellLoaded);

  const start = startingPoint(task, workspace, (line) => tell({ type: "line", line }));
  const team = new Team(words, workspace, task.helpers);
  const training = new Training(workspace, team, task, task.settings, start.progress);
  const trained = await train(task, workspace, training, start.elapsedMs, tell);
  if (!trained.ok) return tell({ type: "failed", failure: trained.error });
  tell({ type: "line", line: passTimes(team, iterations - start.progress.iteration) });
  const finished = await finish(task, workspace, training);
  tell(finished.ok ? { type: "done", report: finished.value } : { type: "failed", failure: finished.error });
}

/** The last checkpoint, or gaussians made of the seed points. */
function startingPoint(task: LeadTask, workspace: Workspace, line: (text: string) => void): Checkpoint {
  const found = readCheckpoint(join(task.dir, CHECKPOINT_FILE), task.checkpointKey, workspace);
  if (found.ok && found.value !== null) {
    line(`going on from the checkpoint of step ${found.value.progress.iteration}`);
    return found.value;
  }
  if (!found.ok) line(`the checkpoint is not used: ${found.error}`);
  const { settings, points, train } = task;
  const seeds = seedPoints(
    points,
    train.map((frame) => frame.camera),
    { atLeast: settings.leastSeedPoints, atMost: settings.capacity },
    new Random(deriveSeed(settings.seed)),
  );
  initialiseGaussians(workspace, seeds, settings.initialOpacity);
  line(
    `starting with ${seeds.count} gaussians, ${Math.min(points.count, seeds.count)} of them sparse points`,
  );
  return { progress: { iteration: 0, count: seeds.count, seedPoints: seeds.count }, elapsedMs: 0 };
}

/** Runs all iterations that are left, telling how it goes, keeping checkpoints and leaving splats for a look. */
async function train(
  task: LeadTask,
  workspace: Workspace,
  training: Training,
  elapsedBeforeMs: number,
  tell: (message: ThreadMessage) => void,
): Promise<Result<void, Failure>> {
  const { settings, stores } = task;
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
      tell({ type: "line", line: `step ${iteration}: ${split} gaussians split, ${recycled} recycled` });
    }
    if (Math.floor((LOOKS * iteration) / iterations) > Math.floor((LOOKS * (iteration - 1)) / iterations)) {
      psnr = training.evaluate(FRAMES_PER_LOOK)?.psnr ?? null;
    }
    const status: Status = { iteration, iterations, gaussians: count, loss: meanLoss, psnr };
    const now = performance.now();
    if (iteration % ITERATIONS_PER_LINE === 0 || iteration === iterations) {
      const msPerIteration = (now - lastLine.at) / (iteration - lastLine.iteration);
      lastLine = { iteration, at: now };
      tell({ type: "line", line: logLine(status, msPerIteration) });
    }
    if (now - lastReport >= task.reportIntervalMs || iteration === iterations) {
      lastReport = now;
      const fraction = LOADING_SHARE + (1 - LOADING_SHARE) * workDone(settings, iteration, stores.length);
      tell({ type: "progress", fraction, message: progressMessage(status) });
    }
    if (checkpoints.isDue(now) && iteration < iterations) {
      const elapsedMs = elapsedBeforeMs + now - startedAt;
      try {
        writeCheckpoint(join(task.dir, CHECKPOINT_FILE), task.checkpointKey, workspace, {
          progress: training.progress,
          elapsedMs,
        });
      } catch (error) {
        // Training can go on without; a full disk will make itself known at the end.
        tell({ type: "line", line: `no checkpoint: ${error instanceof Error ? error.message : error}` });
      }
      checkpoints.done(now, performance.now());
    }
    if (earlySplats.isDue(now) && iteration < iterations) {
      const began = performance.now();
      const cloud = toSplatCloud(workspace.params, count, settings.shDegree);
      // Nothing depends on it; what is wrong with the disk shows elsewhere.
      await writeEarlySplat(task.dir, iteration, cloud).catch(() => undefined);
      earlySplats.done(began, performance.now());
    }
  }
  return ok(undefined);
}

/** Writes the splat and judges it. */
async function finish(
  task: LeadTask,
  workspace: Workspace,
  training: Training,
): Promise<Result<TrainReport, Failure>> {
  const { settings, heldOut, stores } = task;
  const cloud = toSplatCloud(workspace.params, training.progress.count, settings.shDegree);
  if (cloud.count === 0) {
    return { ok: false, error: failure("training_diverged", "No gaussian is left of the scene.") };
  }
  await writeShPly(join(task.dir, MODEL_FILE), cloud);
  const metrics = training.evaluate();
  return ok({
    gaussians: cloud.count,
    iterations: settings.iterations,
    sh_degree: settings.shDegree,
    width: stores[0]?.width ?? 0,
    height: stores[0]?.height ?? 0,
    held_out_frames: heldOut.length,
    psnr: metrics?.psnr ?? null,
    ssim: metrics?.ssim ?? null,
  });
}

function passTimes(team: Team, iterations: number): string {
  const times = [...team.milliseconds].map(
    ([pass, ms]) => `${pass} ${(ms / Math.max(1, iterations)).toFixed(2)}`,
  );
  return `ms/iteration: ${times.join(", ")}`;
}
