import { ok, type Result } from "@splatt/shared";
import type { ColmapModel } from "./colmap-model.ts";
import { readRawMatches } from "./feature-database.ts";
import { cameraPose } from "./normalize.ts";
import { pointsByFeature } from "./observations.ts";
import { dot } from "./vectors.ts";

/** Pairs of views with a clear turn between them, in degrees, and not so far apart that nothing matches. */
const [MIN_TURN, MAX_TURN] = [8, 45];
const MAX_PAIRS = 40;
/** A feature is still if it moved by less than this share of the picture's diagonal. */
const STILL = 0.004;
/** With fewer matches than this there is nothing to judge. */
const MIN_MATCHES = 200;

/**
 * The share of the matches that stay in place in the picture although the model's cameras turn, and that the model does
 * not explain, 0–1. When a subject is turned in front of a still camera, the model follows the subject, and the
 * background is such.
 *
 * @returns null where too little was matched, or why the database cannot be read
 */
export function stillShare(model: ColmapModel, database: string): Result<number | null, string> {
  const pairs = turnedPairs(model);
  const read = readRawMatches(database, pairs, MAX_PAIRS);
  if (!read.ok) return read;
  const pointOf = pointsByFeature(model);
  const images = new Map(model.images.map((image) => [image.id, image]));
  let [still, explained] = [0, 0];
  for (const { first, second, features } of read.value) {
    const [a, b] = [images.get(first), images.get(second)];
    const camera = a && model.cameras.get(a.cameraId);
    if (a === undefined || b === undefined || camera === undefined) continue;
    const limit = STILL * Math.hypot(camera.width, camera.height);
    for (let i = 0; i < features.length; i += 2) {
      const [one, other] = [features[i] ?? 0, features[i + 1] ?? 0];
      const point = pointOf.get(first)?.get(one);
      if (point !== undefined && point === pointOf.get(second)?.get(other)) explained++;
      else {
        const dx = (a.features[2 * one] ?? 0) - (b.features[2 * other] ?? 0);
        const dy = (a.features[2 * one + 1] ?? 0) - (b.features[2 * other + 1] ?? 0);
        if (Math.hypot(dx, dy) < limit) still++;
      }
    }
  }
  return ok(still + explained < MIN_MATCHES ? null : still / (still + explained));
}

/** Ids of images between which the cameras turned, the smallest turns first: these match best. */
function turnedPairs({ images }: ColmapModel): [number, number][] {
  const views = images.map((image) => ({ id: image.id, forward: cameraPose(image).forward }));
  return views
    .flatMap((a, i) =>
      views.slice(i + 1).map((b) => {
        const turn = (180 / Math.PI) * Math.acos(Math.min(1, Math.max(-1, dot(a.forward, b.forward))));
        return { pair: [a.id, b.id] satisfies [number, number], turn };
      }),
    )
    .filter(({ turn }) => turn >= MIN_TURN && turn <= MAX_TURN)
    .toSorted((a, b) => a.turn - b.turn)
    .map(({ pair }) => pair);
}
