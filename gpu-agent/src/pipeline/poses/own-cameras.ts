import { copyFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Failure, ok, type Result } from "@splatt/shared";
import type { ColmapModel } from "./colmap-model.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { placeCameras } from "./map-cameras.ts";
import { meanReprojectionError } from "./model-facts.ts";
import { readModel } from "./model-files.ts";
import { type PassOutcome, type PassPlan, passPaths } from "./pass.ts";
import { splitCameras } from "./split-cameras.ts";

/*
 * Photos without metadata that have one size count as one camera's, which is usually right and gives the best poses.
 * But they may have been zoomed, cropped, or come from several phones. Then COLMAP takes a zoom for a step forward: it
 * places all photos, and none where it was.
 */

/**
 * Pixels at the size of feature extraction. One camera for photos of one camera leaves 0.4 to 0.6, for others about 1.
 */
const DOUBTFUL_ERROR = 0.75;
/**
 * Cameras of their own fit better by chance, too, but not as much: their error is a smaller share of the shared one's.
 */
const CLEARLY_BETTER = 0.7;
/** While further passes may place what is missing, cameras of their own must place this many times as many photos. */
const CLEARLY_MORE = 1.25;

/**
 * Where one camera for all photos is doubtful, solves them again with a camera for each, on the same matches.
 *
 * @param dir of the pass, whose database is changed if that is better
 * @param last whether no further pass follows
 * @returns the better outcome
 */
export async function tryOwnCameras(
  job: ColmapJob,
  plan: PassPlan,
  dir: string,
  outcome: PassOutcome,
  last: boolean,
): Promise<Result<PassOutcome, Failure>> {
  const shared = job.cameras.filter(({ known, names }) => !known && names.length > 1);
  if (shared.length === 0) return ok(outcome);
  const before = await fitOf(outcome);
  const fitsWell = before.error < DOUBTFUL_ERROR * pixelOf(job, plan);
  if (fitsWell && !canPlaceMore(before.placed, job.names.length, last)) return ok(outcome);

  const paths = passPaths(dir, job.images);
  const own = { ...paths, database: join(dir, "own-cameras.db"), sparse: join(dir, "own-cameras") };
  await copyFile(paths.database, own.database);
  const split = splitCameras(own.database, new Set(shared.flatMap(({ names }) => names)));
  if (!split.ok || split.value === 0) {
    if (!split.ok) job.context.log.warn({ reason: split.error }, "the photos could not get a camera each");
    // None is split when an earlier pass has done it, whose model must stay.
    await rm(own.database);
    return ok(outcome);
  }
  const solved = await placeCameras(job, plan, own, null, outcome.features, () => undefined);
  if (!solved.ok) {
    await rm(own.database);
    return job.context.signal.aborted ? solved : ok(outcome);
  }
  const after = await fitOf(solved.value);
  const better = isBetter(before, after, last);
  job.context.log.info({ before, after, kept: better }, "solved again with a camera for each photo");
  if (!better) {
    await rm(own.database);
    return ok(outcome);
  }
  await rename(own.database, paths.database);
  return solved;
}

/** How well the cameras of a model fit. */
export interface Fit {
  readonly placed: number;
  /** Features with a point. */
  readonly observations: number;
  /** Pixels; infinite without a model. */
  readonly error: number;
}

/** Whether placing the photos that are left could make a model with own cameras the better one. */
export function canPlaceMore(placed: number, all: number, last: boolean): boolean {
  return last ? placed < all : CLEARLY_MORE * placed <= all;
}

export function isBetter(before: Fit, after: Fit, last: boolean): boolean {
  if (after.placed < before.placed) return false;
  const more = after.placed > before.placed && canPlaceMore(before.placed, after.placed, last);
  return more || (after.observations >= before.observations && after.error < CLEARLY_BETTER * before.error);
}

async function fitOf({ models: [largest] }: PassOutcome): Promise<Fit> {
  const model = largest === undefined ? null : await readModel(largest.dir);
  if (model === null || !model.ok) return { placed: 0, observations: 0, error: Number.POSITIVE_INFINITY };
  return {
    placed: model.value.images.length,
    observations: observations(model.value),
    error: meanReprojectionError(model.value) ?? Number.POSITIVE_INFINITY,
  };
}

function observations({ points }: ColmapModel): number {
  return points.reduce((sum, { track }) => sum + track.length / 2, 0);
}

/** A pixel of the pictures in which features are found, in pixels of the frames. */
function pixelOf(job: ColmapJob, plan: PassPlan): number {
  const longSide = Math.max(...[...job.sizes.values()].map(({ width, height }) => Math.max(width, height)));
  return Math.max(1, longSide / plan(job.gpu.enabled).maxImageSize);
}
