import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { ColmapPaths, Hardware } from "../poses/colmap-commands.ts";
import type { ColmapModel } from "../poses/colmap-model.ts";
import { type ColmapJob, runStep, stepFailure } from "../poses/colmap-step.ts";
import { extractAllFeatures, HARDLY_ANY_FEATURES } from "../poses/extract-features.ts";
import { readImageIds, readMatchedPairs } from "../poses/feature-database.ts";
import { matchFrames } from "../poses/match-frames.ts";
import { readModel, writeModel } from "../poses/model-files.ts";
import { cameraPose } from "../poses/normalize.ts";
import { type PassPlan, type PassReport, passPaths } from "../poses/pass.ts";

/** COLMAP aborts when it found no point to adjust. */
const NOTHING_FOUND = /Check failed: bundle_adjuster\.Solve/;
/** Shares of the time. */
const [EXTRACTED, MATCHED] = [0.3, 0.9];

export interface Triangulated {
  readonly model: ColmapModel;
  /** Pairs of images that match, whatever their poses. */
  readonly matchedPairs: number;
  /** Their verified matches. */
  readonly matches: number;
}

/**
 * Finds the points of a model whose cameras are known, with COLMAP, which leaves the cameras as they are.
 *
 * @param dir is emptied first
 * @returns `colmap_failed`, and what `runCheckedStep` returns
 */
export async function triangulate(
  job: ColmapJob,
  model: ColmapModel,
  plan: PassPlan,
  dir: string,
): Promise<Result<Triangulated, Failure>> {
  const paths = passPaths(dir, job.images);
  const report = (from: number, to: number): PassReport => {
    return (share, message) => job.context.report({ fraction: from + (to - from) * share, message });
  };
  const features = await extractAllFeatures(job, plan, dir, report(0, EXTRACTED));
  if (!features.ok) return features;
  if (features.value < HARDLY_ANY_FEATURES) {
    return err(failure("poses_no_features", `${Math.round(features.value)} features per image on average.`));
  }
  // Each image with those that look alike, and with those whose cameras are near.
  const places = new Map(model.images.map((image) => [image.name, cameraPose(image).position]));
  const matched = await matchFrames({ ...job, places }, plan, paths, report(EXTRACTED, MATCHED));
  if (!matched.ok) return matched;
  const read = readMatchedPairs(paths.database);
  if (!read.ok) return err(unreadable(read.error));
  const pairs = read.value.filter(({ inliers }) => inliers > 0);
  const found = {
    matchedPairs: pairs.length,
    matches: pairs.reduce((sum, { inliers }) => sum + inliers, 0),
  };
  if (pairs.length === 0) return ok({ model, ...found });
  const points = await findPoints(job, model, dir, paths);
  return points.ok ? ok({ model: points.value, ...found }) : points;
}

/** COLMAP's triangulator expects the numbers of its database in the model. */
async function findPoints(
  job: ColmapJob,
  model: ColmapModel,
  dir: string,
  paths: ColmapPaths,
): Promise<Result<ColmapModel, Failure>> {
  const ids = readImageIds(paths.database);
  if (!ids.ok) return err(unreadable(ids.error));
  const images = model.images.flatMap((image) => {
    const found = ids.value.get(image.name);
    return found === undefined ? [] : [{ ...image, id: found.id, cameraId: found.cameraId, given: image }];
  });
  const cameras = new Map(
    images.flatMap(({ cameraId, given }) => {
      const camera = model.cameras.get(given.cameraId);
      return camera === undefined ? [] : [[cameraId, { ...camera, id: cameraId }] as const];
    }),
  );
  await writeModel(paths.sparse, { cameras, images, points: [] });
  const output = join(dir, "triangulated");
  await mkdir(output);
  job.context.report({ fraction: MATCHED, message: "triangulating points" });
  const ran = await runStep(job, {
    name: "triangulation",
    commands: (hardware) => [pointTriangulator(job, paths, output, hardware)],
    onEvent: () => undefined,
  });
  if (!ran.ok) return ran;
  const found = await readModel(output);
  if (found.ok) return found;
  const failed = await stepFailure(job, "triangulation", ran.value);
  if (NOTHING_FOUND.test(failed.detail)) return ok({ cameras, images, points: [] });
  return err({ ...failed, detail: `${failed.detail} ${found.error}` });
}

function pointTriangulator(
  { dialect }: ColmapJob,
  paths: ColmapPaths,
  output: string,
  { threads }: Hardware,
): string[] {
  return [
    "point_triangulator",
    ...dialect.logging,
    ...["--database_path", paths.database, "--image_path", paths.images],
    ...["--input_path", paths.sparse, "--output_path", output],
    ...(threads === null ? [] : ["--Mapper.num_threads", String(threads)]),
  ];
}

function unreadable(detail: string): Failure {
  return failure("colmap_failed", `COLMAP's database cannot be read: ${detail}.`);
}
