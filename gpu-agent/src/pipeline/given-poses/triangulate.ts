import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { type ColmapPaths, extractFeatures, type Hardware, matchFeatures } from "../poses/colmap-commands.ts";
import type { ColmapModel } from "../poses/colmap-model.ts";
import {
  type ColmapJob,
  type ColmapStep,
  runCheckedStep,
  runStep,
  stepFailure,
} from "../poses/colmap-step.ts";
import { encodeModel } from "../poses/encode-model.ts";
import { clearMatches, countMatchedPairs, readImageIds, readImages } from "../poses/feature-database.ts";
import { readModel } from "../poses/model-files.ts";
import { cameraPose } from "../poses/normalize.ts";
import type { PoseSettings } from "../poses/settings.ts";
import { similarPairs } from "../poses/similar-pairs.ts";

/** Shares of the time. */
const [EXTRACTED, MATCHED] = [0.3, 0.9];

export interface Triangulated {
  readonly model: ColmapModel;
  /** Pairs of images that match, whatever their poses. */
  readonly matchedPairs: number;
}

/** The settings on the GPU and on the CPU. */
export type SettingsFor = (gpu: boolean) => PoseSettings;

/**
 * Finds the points of a model whose cameras are known, with COLMAP, which leaves the cameras as they are.
 *
 * @param dir is emptied first
 * @returns `colmap_failed`, and what `runCheckedStep` returns
 */
export async function triangulate(
  job: ColmapJob,
  model: ColmapModel,
  settings: SettingsFor,
  dir: string,
): Promise<Result<Triangulated, Failure>> {
  const paths: ColmapPaths = {
    database: join(dir, "database.db"),
    sparse: join(dir, "given"),
    pairs: join(dir, "pairs.txt"),
    images: job.images,
  };
  const extracted = await extract(job, settings, dir, paths);
  if (!extracted.ok) return extracted;
  if (!extracted.value) return ok({ model, matchedPairs: 0 });
  const matchedPairs = await match(job, model, settings, paths);
  if (!matchedPairs.ok) return matchedPairs;
  if (matchedPairs.value === 0) return ok({ model, matchedPairs: 0 });
  const points = await findPoints(job, model, dir, paths);
  return points.ok ? ok({ model: points.value, matchedPairs: matchedPairs.value }) : points;
}

/** @returns whether there are features */
async function extract(
  job: ColmapJob,
  settings: SettingsFor,
  dir: string,
  paths: ColmapPaths,
): Promise<Result<boolean, Failure>> {
  const listFile = (index: number) => join(dir, `camera-${index + 1}.txt`);
  const reset = async () => {
    await rm(dir, { recursive: true, force: true });
    await mkdir(paths.sparse, { recursive: true });
    for (const [index, { names }] of job.cameras.entries()) {
      await writeFile(listFile(index), names.map((name) => `${name}\n`).join(""));
    }
    return ok(undefined);
  };
  let done = 0;
  const step: ColmapStep = {
    name: "feature extraction",
    commands: (hardware) =>
      job.cameras.map((camera, index) => {
        const list = job.cameras.length === 1 ? null : listFile(index);
        return extractFeatures(job.dialect, settings(hardware.gpu), paths, hardware, { ...camera, list });
      }),
    onEvent: (event) => {
      if (event.kind !== "step") return;
      done = Math.min(done + 1, job.names.length);
      const message = `finding features: ${done} of ${job.names.length} images`;
      job.context.report({ fraction: (EXTRACTED * done) / job.names.length, message });
    },
  };
  await reset();
  const check = (): Result<boolean | null, Failure> => {
    const images = readImages(paths.database);
    if (!images.ok) return err(unreadable(images.error));
    return ok(images.value.some(({ features }) => (features ?? 0) > 0) || null);
  };
  const found = await runCheckedStep(job, step, check, reset);
  return found.ok ? ok(found.value ?? false) : found;
}

/** Matches each image with those that look alike, and with those whose cameras are near. @returns the pairs */
async function match(
  job: ColmapJob,
  model: ColmapModel,
  settings: SettingsFor,
  paths: ColmapPaths,
): Promise<Result<number, Failure>> {
  const { matching } = settings(job.gpu.enabled);
  if (matching.kind === "similar") {
    const places = new Map(model.images.map((image) => [image.name, cameraPose(image).position]));
    const pairs = similarPairs(paths.database, { ...job, places }, matching);
    if (!pairs.ok) return err(unreadable(pairs.error));
    await writeFile(paths.pairs, pairs.value.map((pair) => `${pair.join(" ")}\n`).join(""));
  }
  const step: ColmapStep = {
    name: "matching",
    commands: (hardware) => [matchFeatures(job.dialect, settings(hardware.gpu), paths, hardware)],
    onEvent: (event) => {
      if (event.kind !== "step") return;
      const fraction = EXTRACTED + ((MATCHED - EXTRACTED) * event.done) / event.total;
      job.context.report({ fraction, message: `matching: ${event.done} of ${event.total} blocks` });
    },
  };
  const check = (): Result<number | null, Failure> => {
    const pairs = countMatchedPairs(paths.database);
    return pairs.ok ? ok(pairs.value === 0 ? null : pairs.value) : err(unreadable(pairs.error));
  };
  const reset = async () => {
    const cleared = clearMatches(paths.database);
    return cleared.ok ? cleared : err(unreadable(cleared.error));
  };
  const matched = await runCheckedStep(job, step, check, reset);
  return matched.ok ? ok(matched.value ?? 0) : matched;
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
  const encoded = encodeModel({ cameras, images, points: [] });
  await writeFile(join(paths.sparse, "cameras.bin"), encoded.cameras);
  await writeFile(join(paths.sparse, "images.bin"), encoded.images);
  await writeFile(join(paths.sparse, "points3D.bin"), encoded.points);
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
