import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { project, toOpenCv } from "../poses/camera-models.ts";
import { fitsByChance } from "../poses/capture-report.ts";
import type { ColmapModel, ColmapPoint } from "../poses/colmap-model.ts";
import type { ColmapJob } from "../poses/colmap-step.ts";
import { readModel, writeModel } from "../poses/model-files.ts";
import { normalizingSimilarity } from "../poses/normalize.ts";
import type { PassPlan } from "../poses/pass.ts";
import { pseudoRandom } from "../poses/pseudo-random.ts";
import { add, apply, rotationOf, scale, subtract, transpose, type Vector3 } from "../poses/vectors.ts";
import { triangulate } from "./triangulate.ts";

/** Of the matches of images, right poses explain nearly all, wrong ones (shuffled, of other axes) hardly any. */
const MIN_EXPLAINED = 0.2;
/** Half of the observations are farther off than this in a model whose cameras are wrong: share of the longer side. */
const MAX_MEDIAN_ERROR = 0.01;
const SAMPLE = 20_000;
/** nerfstudio begins with as many, where a dataset has no points. */
const RANDOM_POINTS = 50_000;
const GREY = [128, 128, 128] as const;

export interface GivenModel {
  /** The folder of the model. */
  readonly dir: string;
  readonly points: number;
  readonly note: string;
}

/**
 * Completes the model that came with the images: checks its points, or triangulates some.
 *
 * @param givenDir see `takeDataset`
 * @returns `dataset_poses_wrong` when the cameras contradict the images, and what `triangulate` returns
 */
export async function completeGivenModel(
  job: ColmapJob,
  plan: PassPlan,
  givenDir: string,
  work: string,
): Promise<Result<GivenModel, Failure>> {
  const given = await readModel(givenDir);
  if (!given.ok) return err(failure("workspace_damaged", given.error));
  if (hasPoints(given.value)) {
    const off = medianError(given.value);
    if (off <= MAX_MEDIAN_ERROR) return write(given.value, work, "The camera poses and points were given.");
    const percent = (100 * off).toFixed(1);
    const detail = `Half of its points appear ${percent} % of the picture's longer side, or more, from where the images saw them.`;
    return err(failure("dataset_poses_wrong", detail));
  }
  const found = await triangulate(job, given.value, plan, join(work, "triangulation"));
  if (!found.ok) return found;
  const { model, matchedPairs, matches } = found.value;
  const { length: images } = given.value.images;
  const explained = explainedMatches(model) / Math.max(1, matches);
  if (hasPoints(model) && model.images.length === images && explained >= MIN_EXPLAINED) {
    return write(
      model,
      work,
      `The camera poses were given; ${model.points.length} points were triangulated.`,
    );
  }
  if (2 * matchedPairs >= images) {
    const share = `${Math.min(100, Math.round(100 * explained))} % of their matches`;
    const detail = `${matchedPairs} pairs of images match, but only ${share} fit these poses, with ${model.points.length} points.`;
    return err(failure("dataset_poses_wrong", detail));
  }
  const random = { ...given.value, points: randomPoints(given.value) };
  return write(
    random,
    work,
    "The camera poses were given; training begins with random points, because the images hardly match.",
  );
}

function hasPoints({ images, points }: ColmapModel): boolean {
  return !fitsByChance(points.length, images.length);
}

/** How many matches of two images the points stand for. */
function explainedMatches({ points }: ColmapModel): number {
  return points.reduce((sum, { track: { length } }) => sum + ((length / 2) * (length / 2 - 1)) / 2, 0);
}

async function write(model: ColmapModel, work: string, note: string): Promise<Result<GivenModel, Failure>> {
  const dir = join(work, "given");
  await writeModel(dir, model);
  return ok({ dir, points: model.points.length, note });
}

/** How far points appear from the features that they were seen as: the median, as a share of the longer side. */
export function medianError({ images, cameras, points }: ColmapModel): number {
  const byId = new Map(images.map((image) => [image.id, image]));
  const errors: number[] = [];
  const stride = Math.max(1, Math.floor(points.length / SAMPLE));
  for (let p = 0; p < points.length; p += stride) {
    const { position, track } = points[p] ?? NO_POINT;
    const image = byId.get(track[0] ?? -1);
    const camera = image && cameras.get(image.cameraId);
    const lens = camera && toOpenCv(camera);
    if (!image || !lens) continue;
    const seen = project(lens, add(apply(rotationOf(image.quaternion), position), image.translation));
    const feature = 2 * (track[1] ?? 0);
    const [x = Number.NaN, y = Number.NaN] = image.features.subarray(feature, feature + 2);
    const error =
      seen === null ? 1 : Math.hypot(seen[0] - x, seen[1] - y) / Math.max(lens.width, lens.height);
    errors.push(Number.isFinite(error) ? error : 1);
  }
  return errors.toSorted((a, b) => a - b)[errors.length >> 1] ?? 1;
}

const NO_POINT: ColmapPoint = { position: [0, 0, 0], colour: GREY, error: 0, track: new Uint32Array() };

/** Points all over the ball around what the cameras surround. */
function randomPoints(model: ColmapModel): ColmapPoint[] {
  const { rotation, scale: factor, translation } = normalizingSimilarity(model);
  const random = pseudoRandom(1);
  const coordinate = () => 2 * random() - 1;
  const points: ColmapPoint[] = [];
  while (points.length < RANDOM_POINTS) {
    const place: Vector3 = [coordinate(), coordinate(), coordinate()];
    if (Math.hypot(...place) > 1) continue;
    const position = scale(apply(transpose(rotation), subtract(place, translation)), 1 / factor);
    points.push({ position, colour: GREY, error: -1, track: new Uint32Array() });
  }
  return points;
}
