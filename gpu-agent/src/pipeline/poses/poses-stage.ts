import { copyFile, link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Transforms } from "@splatt/formats";
import {
  CaptureReport,
  err,
  errorText,
  type Failure,
  failure,
  ok,
  type Preset,
  type Result,
} from "@splatt/shared";
import { z } from "zod";
import { runTool } from "../../processes/run-tool.ts";
import type { FramesOutput } from "../frames/frames-stage.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import {
  type AttemptOutcome,
  type ColmapJob,
  HARDLY_ANY_FEATURES,
  resumeAttempt,
  runAttempt,
} from "./attempt.ts";
import { captureReport, GOOD_SHARE } from "./capture-report.ts";
import { type ColmapModel, parseCameras, parseImages, parsePoints } from "./colmap-model.ts";
import { type ColmapVersion, dialectOf, supportedColmap, versionText } from "./colmap-version.ts";
import { sparsePointCloud, transformsOf } from "./dataset-files.ts";
import { greyThumbnails } from "./grey-thumbnails.ts";
import { splitFrames } from "./held-out.ts";
import { featureCoverage, longestGap, parallaxDegrees } from "./model-facts.ts";
import {
  firstAttempt,
  type PoseTask,
  type Resumption,
  secondAttempt,
  withoutInitialPair,
} from "./settings.ts";

export interface PosesConfig {
  /** The program, by name or path. */
  readonly colmap: string;
  /** Whether COLMAP may use the machine's NVIDIA GPU, if it was built for that. */
  readonly gpu: boolean;
  /** How many threads COLMAP may use; null uses all cores. */
  readonly threads: number | null;
  /** The longest that one COLMAP command may run. */
  readonly commandTimeoutMs: number;
  /** The longest that COLMAP may print nothing. */
  readonly silenceMs: number;
}

export interface PosesInput {
  /** The folder that the frames stage left. */
  readonly framesDir: string;
  readonly frames: FramesOutput;
  readonly preset: Preset;
}

export const PosesOutput = z.object({
  capture: CaptureReport,
  /** Pixels of the images. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** COLMAP's version. */
  colmap: z.string(),
  gpu: z.boolean(),
});
export type PosesOutput = z.infer<typeof PosesOutput>;

/** The second attempt is rare, so the first gets nearly all of the bar. */
const FIRST_ATTEMPT_SHARE = 0.9;
const WRITING_STARTS = 0.98;

/**
 * Finds where each frame was taken and leaves a dataset (see dataset/transforms.ts) in the stage's folder.
 *
 * Fails with `poses_no_features`, `poses_no_parallax` or `poses_unusable` for captures that cannot work, so
 * that no training time is spent on them; `colmap_failed`, `tool_missing` and what `runTool` returns else.
 */
export function createPosesStage(config: PosesConfig): Stage<PosesInput, PosesOutput> {
  let installed: ColmapVersion | null = null;
  return {
    name: "poses",
    token: "cpu",
    key: ({ preset }) => preset,
    async run(input, context) {
      if (!installed) {
        const detected = await detectColmap(config, context);
        if (!detected.ok) return detected;
        installed = detected.value;
      }
      return findPoses(config, installed, input, context);
    },
  };
}

async function detectColmap(
  config: PosesConfig,
  context: StageContext,
): Promise<Result<ColmapVersion, Failure>> {
  const lines: string[] = [];
  const ran = await runTool({
    file: config.colmap,
    args: ["-h"],
    cwd: context.dir,
    env: { QT_QPA_PLATFORM: "offscreen", TERM: "dumb" },
    signal: context.signal,
    timeoutMs: 60_000,
    silenceMs: 60_000,
    confine: { reads: [] },
    onLine: (line) => lines.push(line),
  });
  if (!ran.ok) return ran;
  return supportedColmap(config.colmap, lines.join("\n"));
}

async function findPoses(
  config: PosesConfig,
  version: ColmapVersion,
  input: PosesInput,
  context: StageContext,
): Promise<StageResult<PosesOutput>> {
  const names = await linkFrames(input.framesDir, context.dir);
  const work = join(context.dir, "work");
  let gpu = config.gpu && version.cuda;
  const job: ColmapJob = {
    program: config.colmap,
    dialect: dialectOf(version),
    images: join(context.dir, "images"),
    names,
    hardware: { gpu, threads: config.threads },
    timeoutMs: config.commandTimeoutMs,
    silenceMs: config.silenceMs,
    context,
  };
  const { width, height } = input.frames;
  const cores = config.threads ?? availableParallelism();
  const task = { preset: input.preset, frames: names.length, width, height, gpu, cores };
  let solved = await solve(job, task, work);
  if (!solved.ok && gpu && "problem" in solved.error && solved.error.problem === "gpu") {
    context.log.warn({ detail: solved.error.detail }, "COLMAP could not use the GPU; it goes on without");
    gpu = false;
    solved = await solve({ ...job, hardware: { ...job.hardware, gpu } }, { ...task, gpu }, work);
  }
  if (!solved.ok) return err(failure(solved.error.code, solved.error.detail));
  if (!solved.value.outcome.model) return err(whyNoModel(solved.value.outcome, names.length));

  context.report({ fraction: WRITING_STARTS, message: "writing the dataset" });
  const modelDir = join(context.dir, "colmap", "sparse", "0");
  await keepModel(solved.value.outcome.model, modelDir);
  await rm(work, { recursive: true, force: true });
  const model = await readModel(modelDir);
  if (!model.ok) return err(failure("colmap_failed", model.error));
  const made = transformsOf(model.value);
  if (!made.ok) return made;
  const transforms = await splitByContent(made.value, context);
  const capture = captureReport({
    frames: names.length,
    registered: model.value.images.length,
    points: model.value.points.length,
    meanReprojectionError: meanError(model.value),
    longSide: Math.max(width, height),
    secondAttempt: solved.value.second,
    coverage: featureCoverage(model.value),
    parallax: parallaxDegrees(model.value),
    gap: longestGap(names, model.value),
    fps: input.frames.fps,
    startSec: input.frames.start_sec,
    notes: input.frames.notes,
  });
  if (capture.verdict === "unusable") return err(failure("poses_unusable", capture.advice));
  await writeFile(join(context.dir, "sparse_pc.ply"), sparsePointCloud(model.value, transforms));
  await writeFile(join(context.dir, "transforms.json"), `${JSON.stringify(transforms, null, 2)}\n`);
  return ok({ capture, width, height, colmap: versionText(version), gpu });
}

/** The same transforms, with frames whose pictures are near-duplicates on the same side of the split. */
async function splitByContent(transforms: Transforms, context: StageContext): Promise<Transforms> {
  const files = transforms.frames.map(({ file_path }) => join(context.dir, file_path));
  try {
    return { ...transforms, ...splitFrames(transforms.frames, await greyThumbnails(files)) };
  } catch (error) {
    context.log.warn(`poses: the frames could not be compared: ${errorText(error)}`);
    return transforms;
  }
}

interface Solution {
  readonly outcome: AttemptOutcome;
  /** The outcome is a second attempt's. */
  readonly second: boolean;
}

/** One attempt, and others by themselves when too few frames came out of it; the best of them. */
async function solve(job: ColmapJob, task: PoseTask, work: string): Promise<Result<Solution, Failure>> {
  const { report } = job.context;
  const settings = firstAttempt(task);
  job.context.log.info({ settings }, "looking for camera poses");
  const firstDir = join(work, "attempt-1");
  const first = await runAttempt(job, settings, firstDir, (fraction, message) => {
    report({ fraction: FIRST_ATTEMPT_SHARE * fraction, message });
  });
  if (!first.ok) return first;
  const { registered, features } = first.value;
  const hopeless = features < HARDLY_ANY_FEATURES;
  if (registered >= GOOD_SHARE * task.frames || hopeless) return ok({ outcome: first.value, second: false });

  job.context.log.info({ registered, frames: task.frames }, "too few frames placed; trying again");
  const again = (fraction: number, message: string) => {
    const share = WRITING_STARTS - FIRST_ATTEMPT_SHARE;
    report({ fraction: FIRST_ATTEMPT_SHARE + share * fraction, message: `second attempt: ${message}` });
  };
  const second = lacksParallax(first.value, task)
    ? await resumeUntilPlaced(job, withoutInitialPair(task, settings), firstDir, first.value, again)
    : await runAttempt(job, secondAttempt(task, settings), join(work, "attempt-2"), again);
  if (!second.ok) {
    // What the first attempt found is still there, unless somebody wants the stage to end.
    return second.error.code === "agent_stopped" || !first.value.model
      ? second
      : ok({ outcome: first.value, second: false });
  }
  return second.value.registered > registered
    ? ok({ outcome: second.value, second: true })
    : ok({ outcome: first.value, second: false });
}

/** Frames that all match, but no two of which could be told to be taken from two places. */
function lacksParallax({ problem, connected }: AttemptOutcome, { frames }: PoseTask): boolean {
  return problem === "no_initial_pair" && connected >= GOOD_SHARE * frames;
}

/** Goes on with what the attempt in `dir` left, in one way after another, until one leads to a model. */
async function resumeUntilPlaced(
  job: ColmapJob,
  ways: readonly Resumption[],
  dir: string,
  first: AttemptOutcome,
  report: (fraction: number, message: string) => void,
): Promise<Result<AttemptOutcome, Failure>> {
  let outcome = first;
  for (const [tried, way] of ways.entries()) {
    job.context.log.info({ way }, "no pair of frames to begin with; going on from what was found");
    const resumed = await resumeAttempt(job, way, dir, first.features, (fraction, message) => {
      report((tried + fraction) / ways.length, message);
    });
    if (!resumed.ok) return resumed;
    outcome = resumed.value;
    if (outcome.model !== null) break;
  }
  return ok(outcome);
}

function whyNoModel({ features, connected, problem, lastWords }: AttemptOutcome, frames: number): Failure {
  const perFrame = `${Math.round(features)} features per frame on average`;
  if (features < HARDLY_ANY_FEATURES) return failure("poses_no_features", `${perFrame}.`);
  if (problem === "no_initial_pair" && connected >= frames / 2) {
    return failure("poses_no_parallax", `${connected} of ${frames} frames match, but none from two places.`);
  }
  if (features < 4 * HARDLY_ANY_FEATURES) return failure("poses_no_features", `${perFrame}.`);
  return failure(
    "poses_unusable",
    `No frames could be placed (${connected} of ${frames} match). ${lastWords}`,
  );
}

/** Puts the frames into `images/`, as links where the file system can, and returns their names in order. */
async function linkFrames(framesDir: string, dir: string): Promise<string[]> {
  for (const leftover of ["images", "work", "colmap"]) {
    await rm(join(dir, leftover), { recursive: true, force: true });
  }
  await mkdir(join(dir, "images"), { recursive: true });
  const names = (await readdir(framesDir)).filter((name) => /^frame_\d+\.jpg$/.test(name)).toSorted();
  for (const name of names) {
    const from = join(framesDir, name);
    const to = join(dir, "images", name);
    await link(from, to).catch(() => copyFile(from, to));
  }
  return names;
}

async function keepModel(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name.endsWith(".bin")) await rename(join(from, name), join(to, name));
  }
}

export async function readModel(dir: string): Promise<Result<ColmapModel, string>> {
  const cameras = parseCameras(await readFile(join(dir, "cameras.bin")));
  if (!cameras.ok) return cameras;
  const images = parseImages(await readFile(join(dir, "images.bin")));
  if (!images.ok) return images;
  const points = parsePoints(await readFile(join(dir, "points3D.bin")));
  if (!points.ok) return points;
  return ok({ cameras: cameras.value, images: images.value, points: points.value });
}

function meanError(model: ColmapModel): number | null {
  const errors = model.points.map((point) => point.error).filter((error) => error >= 0);
  return errors.length > 0 ? errors.reduce((sum, error) => sum + error, 0) / errors.length : null;
}
