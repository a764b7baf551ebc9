import { copyFile, link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
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
  type UpChoice,
  type VideoReport,
} from "@splatt/shared";
import { z } from "zod";
import type { FramesOutput } from "../frames/frames-stage.ts";
import { completeGivenModel, type GivenModel } from "../given-poses/given-model.ts";
import { GIVEN_DIR } from "../given-poses/take-dataset.ts";
import { scaleByPositions } from "../scale/scale-by-positions.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import type { CaptureFacts } from "./capture-facts.ts";
import { faultSentence } from "./capture-findings.ts";
import { captureReport } from "./capture-report.ts";
import { climbLadder, type Solution } from "./climb-ladder.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { type ColmapProgram, colmapText, findColmap, type InstalledColmap } from "./colmap-program.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { dialectOf } from "./colmap-version.ts";
import { sparsePointCloud, transformsOf } from "./dataset-files.ts";
import { HARDLY_ANY_FEATURES } from "./extract-features.ts";
import { camerasOf, filmedFrames, placesOf, sensedFrames, videoOfFrames } from "./frame-sources.ts";
import { greyThumbnails } from "./grey-thumbnails.ts";
import { splitFrames } from "./held-out.ts";
import { type FilmedFrames, missingStretches } from "./missing-parts.ts";
import { featureCoverage, meanReprojectionError, parallaxDegrees } from "./model-facts.ts";
import { moveModel, readModel, writeModel } from "./model-files.ts";
import { movingParts, movingReport } from "./moving-parts.ts";
import { type PictureFault, pictureFault } from "./picture-quality.ts";
import { firstPass } from "./settings.ts";
import { stillShare } from "./still-features.ts";
import { unfoldLenses } from "./unfold-lenses.ts";
import { estimateUp } from "./up-direction.ts";
import { type ViewSpacing, viewSpacing } from "./view-spacing.ts";

export interface PosesConfig {
  /** The programs to choose from. */
  readonly colmap: readonly ColmapProgram[];
  /** Whether COLMAP may use the machine's NVIDIA GPU, if it was built for that. */
  readonly gpu: boolean;
  /** How many threads COLMAP may use; null uses all cores. */
  readonly threads: number | null;
  /** The time limit for one COLMAP command. */
  readonly commandTimeoutMs: number;
  /** The limit on COLMAP's time without output. */
  readonly silenceMs: number;
}

export interface PosesInput {
  /** The frames stage's folder. */
  readonly framesDir: string;
  readonly frames: FramesOutput;
  readonly preset: Preset;
  readonly up: UpChoice;
}

export const PosesOutput = z.object({
  capture: CaptureReport,
  /** What takes its place once the finished splat is known. Earlier versions did not see what hides the scene. */
  captureOnce: z
    .object({ right: CaptureReport, wrong: CaptureReport, occluded: CaptureReport.optional() })
    .optional(),
  /** Pixels of the images. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** COLMAP's version, and whether it is pycolmap's. */
  colmap: z.string(),
  gpu: z.boolean(),
});
export type PosesOutput = z.infer<typeof PosesOutput>;

const WRITING_STARTS = 0.98;

/**
 * Solves the camera pose of each frame and leaves a dataset (see formats/src/transforms.ts) in the stage's folder.
 *
 * Fails with `poses_no_features`, `poses_no_parallax` or `poses_unusable` for captures that cannot work, before any
 * training time is spent; otherwise with `colmap_failed`, `tool_unsupported`, `workspace_unusable`, or what `runTool`
 * returns.
 */
export function createPosesStage(config: PosesConfig): Stage<PosesInput, PosesOutput> {
  let installed: InstalledColmap | null = null;
  return {
    name: "poses",
    token: "cpu",
    key: ({ preset, up }) => (up === "auto" ? preset : [preset, up]),
    async run(input, context) {
      if (!installed) {
        const found = await findColmap(config.colmap, config.gpu, context.dir, context.signal);
        if (!found.ok) return found;
        installed = found.value;
      }
      return findPoses(config, installed, input, context);
    },
  };
}

async function findPoses(
  config: PosesConfig,
  colmap: InstalledColmap,
  input: PosesInput,
  context: StageContext,
): Promise<StageResult<PosesOutput>> {
  const names = await linkFrames(input.framesDir, context.dir);
  const work = join(context.dir, "work");
  const cameras = camerasOf(input.frames, names);
  const { width, height } = cameras.reduce((most, camera) =>
    camera.width * camera.height > most.width * most.height ? camera : most,
  );
  const photos = "photos" in input.frames ? input.frames.photos : null;
  const videos = "videos" in input.frames ? input.frames.videos : [];
  const job: ColmapJob = {
    colmap,
    dialect: dialectOf(colmap),
    images: join(context.dir, "images"),
    names,
    cameras,
    sizes: new Map(cameras.flatMap((camera) => camera.names.map((name) => [name, camera] as const))),
    places: placesOf(photos ?? [], names),
    videoOf: videoOfFrames(videos, names),
    threads: config.threads,
    gpu: { enabled: config.gpu && colmap.cuda },
    timeoutMs: config.commandTimeoutMs,
    silenceMs: config.silenceMs,
    matchingEndsAt: null,
    context,
  };
  const cores = config.threads ?? availableParallelism();
  const task = {
    preset: input.preset,
    frames: names.length,
    unordered: photos !== null && videos.length === 0,
    several: videos.length > 0,
    width,
    height,
    cores,
  };
  // COLMAP requires the given cameras' model in its database.
  const settings = (gpu: boolean) => ({ ...firstPass({ ...task, gpu }), cameraModel: "OPENCV" as const });
  const isGiven = "given" in input.frames && input.frames.given !== undefined;
  const given = isGiven
    ? await completeGivenModel(job, settings, join(input.framesDir, GIVEN_DIR), work)
    : null;
  if (given?.ok === false) return given;
  const solved =
    given === null
      ? await climbLadder(job, task, work, WRITING_STARTS)
      : ok(givenSolution(given.value, names));
  if (!solved.ok) return solved;
  const { outcome, passes } = solved.value;
  const [largest] = outcome.models;
  const pictures = await faultOf(job);
  if (largest === undefined) return err(whyNoModel(solved.value, names.length, pictures));

  context.report({ fraction: WRITING_STARTS, message: "writing the dataset" });
  const solution = await readModel(largest.dir);
  if (!solution.ok) return err(failure("colmap_failed", solution.error));
  const unfolded = await unfoldLenses(job, solution.value, given !== null, join(work, "lenses"));
  if (!unfolded.ok) return unfolded;
  const { model, note: lensNote } = unfolded.value;
  const modelDir = join(context.dir, "colmap", "sparse", "0");
  // COLMAP 4 has further files, which the model must agree with.
  if (model === solution.value) await moveModel(largest.dir, modelDir);
  else await writeModel(modelDir, model);
  const still = given === null ? stillShare(model, solved.value.database) : ok(null);
  if (!still.ok) context.log.warn(`poses: the matches could not be read: ${still.error}`);
  const parts = given === null ? movingParts(model, solved.value.database) : ok([]);
  if (!parts.ok) context.log.warn(`poses: the matches could not be read: ${parts.error}`);
  await rm(work, { recursive: true, force: true });
  const sources = new Map(
    (photos ?? []).map(({ path }, i) => {
      const name = names[i] ?? "";
      return [name, job.videoOf.has(name) ? { video: path } : { photo: path }];
    }),
  );
  const up = estimateUp(model, input.up, job.places, sensedFrames(input.frames, names));
  const unsplit = transformsOf(model, sources, up.direction);
  if (!unsplit.ok) return unsplit;
  const transforms = await splitByContent(unsplit.value, context);
  const placed = new Set(model.images.map(({ name }) => name));
  const filmed = filmedFrames(input.frames, names);
  const facts: CaptureFacts = {
    frames: names.length,
    registered: model.images.length,
    points: observedPoints(model),
    meanReprojectionError: meanReprojectionError(model),
    longSide: Math.max(width, height),
    passes,
    up: up.report,
    scale: scaleByPositions(model, job.places, transforms),
    spacing: namedSpacing(model, sources),
    still: still.ok ? still.value : null,
    moving: parts.ok ? movingReport(parts.value, names, sources) : null,
    pictures,
    places: solved.value.places,
    given: given !== null,
    ...viewsOf(model),
    stretches: missingStretches(filmed, placed),
    missingPhotos: photos === null ? null : missingPhotos(names, placed, sources),
    videos: placedOf(filmed, placed),
    notes: [
      ...(given === null ? [] : [given.value.note]),
      ...(lensNote === null ? [] : [lensNote]),
      ...input.frames.notes,
    ],
  };
  const capture = captureReport(facts);
  if (capture.verdict === "unusable") return err(unusable(capture, solved.value));
  await writeFile(join(context.dir, "sparse_pc.ply"), sparsePointCloud(model, transforms));
  await writeFile(join(context.dir, "transforms.json"), `${JSON.stringify(transforms, null, 2)}\n`);
  const captureOnce = {
    right: captureReport(facts, "right"),
    wrong: captureReport(facts, "wrong"),
    occluded: captureReport(facts, "occluded"),
  };
  return ok({ capture, captureOnce, width, height, colmap: colmapText(colmap), gpu: job.gpu.enabled });
}

async function faultOf({ images, names, context }: ColmapJob): Promise<PictureFault | null> {
  try {
    return await pictureFault(names.map((name) => join(images, name)));
  } catch (error) {
    context.log.warn(`poses: the frames could not be measured: ${errorText(error)}`);
    return null;
  }
}

/** The spacing of the views, with the names of photos in place of the frames'. */
function namedSpacing(
  model: ColmapModel,
  sources: ReadonlyMap<string, { readonly photo?: string }>,
): ViewSpacing {
  // Without points, the distance of what the cameras see is unknown.
  if (observedPoints(model) === 0) return { degrees: 0, lonely: [], travel: 1 };
  const spacing = viewSpacing(model);
  return { ...spacing, lonely: spacing.lonely.map((name) => sources.get(name)?.photo ?? name) };
}

/** The solution of a dataset whose camera poses came with its images. */
function givenSolution({ dir, points }: GivenModel, names: readonly string[]): Solution {
  const outcome = {
    ...{ models: [{ dir, names, points }], features: 0, connected: names.length },
    ...{ problem: null, fault: null, lastWords: "" },
  };
  return { outcome, passes: [], lacksParallax: false, places: false, database: "" };
}

/** Points that no image has observed were not triangulated. */
function observedPoints({ points }: ColmapModel): number {
  return points.filter(({ track }) => track.length > 0).length;
}

function viewsOf(model: ColmapModel): { coverage: number; parallax: number } {
  if (observedPoints(model) === 0) return { coverage: 1, parallax: 180 };
  return { coverage: featureCoverage(model), parallax: parallaxDegrees(model) };
}

/** The same transforms, with near-duplicate pictures on the same side of the split. */
async function splitByContent(transforms: Transforms, context: StageContext): Promise<Transforms> {
  const files = transforms.frames.map(({ file_path }) => join(context.dir, file_path));
  try {
    return { ...transforms, ...splitFrames(transforms.frames, await greyThumbnails(files)) };
  } catch (error) {
    context.log.warn(`poses: the frames could not be compared: ${errorText(error)}`);
    return transforms;
  }
}

/**
 * Why so few frames were registered. With relaxed thresholds newer COLMAPs register two frames of a camera that stands
 * still: its frames match as well as those of any other capture, so the cause is not the overlap.
 */
function unusable({ registered, frames, advice }: CaptureReport, { lacksParallax }: Solution): Failure {
  if (!lacksParallax) return failure("poses_unusable", advice);
  return failure(
    "poses_no_parallax",
    `The frames match, but only ${registered} of ${frames} could be placed.`,
  );
}

function whyNoModel(
  { outcome, lacksParallax }: Solution,
  frames: number,
  pictures: PictureFault | null,
): Failure {
  const { features, connected, problem, fault, lastWords } = outcome;
  if (fault !== null) {
    const code = fault.cause === "program" ? "colmap_failed" : "poses_unusable";
    return failure(code, `COLMAP's model cannot be used: ${fault.detail}.`);
  }
  const perFrame = `${Math.round(features)} features per frame on average. ${faultSentence(pictures)}`.trim();
  if (features < HARDLY_ANY_FEATURES) return failure("poses_no_features", perFrame);
  if (problem === "no_initial_pair" && lacksParallax) {
    return failure("poses_no_parallax", `${connected} of ${frames} frames match, but none from two places.`);
  }
  if (features < 4 * HARDLY_ANY_FEATURES) return failure("poses_no_features", perFrame);
  return failure(
    "poses_unusable",
    `No frames could be placed (${connected} of ${frames} match). ${faultSentence(pictures) || lastWords}`,
  );
}

/** Puts the frames into `images/`, as links where possible. @returns their names in order */
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

/** How many frames of each of several videos the model has. */
function placedOf(filmed: readonly FilmedFrames[], placed: ReadonlySet<string>): VideoReport[] {
  return filmed.flatMap(({ video, names }) => {
    if (video === null) return [];
    return { name: video, frames: names.length, registered: names.filter((name) => placed.has(name)).length };
  });
}

/** The paths, in the archive, of the photos that were not placed. */
function missingPhotos(
  names: readonly string[],
  placed: ReadonlySet<string>,
  sources: ReadonlyMap<string, { readonly photo?: string }>,
): string[] {
  return names.flatMap((name) => (placed.has(name) ? [] : (sources.get(name)?.photo ?? [])));
}
