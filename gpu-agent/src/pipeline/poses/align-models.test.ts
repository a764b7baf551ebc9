import { describe, expect, it } from "vitest";
import { alignModels, linkPoints } from "./align-models.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { agreementOf, contradicts, mergeModels, overlappingPairs } from "./merge-models.ts";
import { applySimilarity, cameraPose, inverseSimilarity, type Similarity } from "./normalize.ts";
import { observationsOf, withoutOutliers } from "./observations.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { apply, length, quaternionOf, rotationOf, subtract, type Vector3 } from "./vectors.ts";

/** A walk around a ball of points, of which two models have a part each. */
const POINTS = ballOfPoints(300, [0, 0, 0], 1.5);
const IMAGES = 20;
const WHOLE = modelOf(
  Array.from({ length: IMAGES }, (_, i) => {
    const angle = (2 * Math.PI * i) / 40;
    return lookAt([6 * Math.cos(angle), 6 * Math.sin(angle), 1], [0, 0, 0], [0, 0, 1]);
  }),
  POINTS,
);
/** COLMAP's models have frames of their own. */
const ELSEWHERE: Similarity = {
  rotation: rotationOf([0.8, 0.2, -0.5, 0.3]),
  scale: 3.7,
  translation: [9, -4, 2],
};

/** The part of the model with some of the images. */
function part(from: number, to: number): ColmapModel {
  const images = WHOLE.images.slice(from, to);
  const ids = new Set(images.map(({ id }) => id));
  const points = WHOLE.points.flatMap((point) => {
    const track = [...point.track].filter((_, i, all) => ids.has(all[i - (i % 2)] ?? 0));
    return track.length < 4 ? [] : [{ ...point, track: Uint32Array.from(track) }];
  });
  return { ...WHOLE, images, points };
}

/** The same model in another frame. */
function inFrame(model: ColmapModel, { rotation, scale, translation }: Similarity): ColmapModel {
  return {
    ...model,
    images: model.images.map((image) => {
      const camera = rotationOf(image.quaternion);
      const turned = [0, 1, 2].map((i) => apply(rotation, camera[i as 0 | 1 | 2])) as unknown as [
        Vector3,
        Vector3,
        Vector3,
      ];
      const centre = applySimilarity({ rotation, scale, translation }, cameraPose(image).position);
      const moved = apply(turned, centre);
      return {
        ...image,
        quaternion: quaternionOf(turned),
        translation: [-moved[0], -moved[1], -moved[2]] as const,
      };
    }),
    points: model.points.map((point) => ({
      ...point,
      position: applySimilarity({ rotation, scale, translation }, point.position),
    })),
  };
}

function expectWhole(merged: ColmapModel): void {
  expect(merged.images).toHaveLength(IMAGES);
  const truth = new Map(WHOLE.images.map((image) => [image.name, cameraPose(image).position]));
  for (const image of merged.images) {
    const error = length(subtract(cameraPose(image).position, truth.get(image.name) ?? [9, 9, 9]));
    expect(error).toBeLessThan(1e-3);
  }
}

describe("two models of one walk", () => {
  it("are merged by the images that both have", () => {
    const [base, other] = [part(0, 12), inFrame(part(9, 20), ELSEWHERE)];
    const links = linkPoints(base, other, []);
    const alignment = alignModels(base, other, links);
    if (alignment === null) throw new Error("not aligned");
    const merged = mergeModels(base, other, alignment);
    expectWhole(merged);
    // No observation is there twice, and none is lost.
    const seen = merged.points.flatMap(({ track }) =>
      Array.from({ length: track.length / 2 }, (_, i) => `${track[2 * i]} ${track[2 * i + 1]}`),
    );
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(observationsOf(WHOLE).count);
    expect(merged.points).toHaveLength(WHOLE.points.length);
    expect(observationsOf(withoutOutliers(merged, 0.1)).count).toBe(seen.length);
  });

  it("are merged by matches, of which many are wrong, where they share no image", () => {
    const [base, other] = [part(0, 11), inFrame(part(11, 20), ELSEWHERE)];
    const random = pseudoRandom(3);
    const features = POINTS.flatMap((_, i) => [i, random() < 0.4 ? Math.floor(300 * random()) : i]);
    const links = linkPoints(base, other, [{ first: 11, second: 12, features: Uint32Array.from(features) }]);
    const alignment = alignModels(base, other, links);
    if (alignment === null) throw new Error("not aligned");
    expect(alignment.common.length).toBeLessThan(0.75 * links.length);
    expectWhole(mergeModels(base, other, alignment));
  });

  it("stay apart without enough matches, and with matches by chance", () => {
    const [base, other] = [part(0, 11), inFrame(part(11, 20), ELSEWHERE)];
    const few = Array.from({ length: 19 }, (_, i) => [i, i]).flat();
    const match = (features: number[]) =>
      linkPoints(base, other, [{ first: 11, second: 12, features: Uint32Array.from(features) }]);
    expect(alignModels(base, other, match(few))).toBeNull();
    const random = pseudoRandom(5);
    const chance = POINTS.flatMap((_, i) => [i, Math.floor(300 * random())]);
    expect(alignModels(base, other, match(chance))).toBeNull();
  });

  it("stay apart where the common points leave a turn open", () => {
    const line = Array.from({ length: 60 }, (_, i): Vector3 => [0, 0, -1 + i / 30]);
    const poses = WHOLE.images.map(({ quaternion, translation }) => ({ quaternion, translation }));
    const model = modelOf(poses, line);
    const links = line.map((_, i) => [i, i] as const);
    expect(alignModels(model, model, links)).toBeNull();
    const wide = modelOf(poses, ballOfPoints(60, [0, 0, 0], 1));
    expect(alignModels(wide, wide, links)).not.toBeNull();
  });
});

it("a similarity and its inverse cancel out", () => {
  const there = applySimilarity(ELSEWHERE, [1, 2, 3]);
  const back = applySimilarity(inverseSimilarity(ELSEWHERE), there);
  for (const [i, value] of [1, 2, 3].entries()) expect(back[i]).toBeCloseTo(value, 9);
});

describe("a merger", () => {
  const [early, late] = [
    new Set(part(0, 10).images.map(({ name }) => name)),
    new Set(part(10, 20).images.map(({ name }) => name)),
  ];

  it("makes neighbours overlap, and not views from other sides", () => {
    const pairs = overlappingPairs(WHOLE, early, late);
    expect(pairs).toContainEqual(["frame_00010.jpg", "frame_00011.jpg"]);
    expect(pairs.flat()).not.toContain("frame_00001.jpg");
    expect(pairs.flat()).not.toContain("frame_00020.jpg");
  });

  it.each([
    ["whose overlapping images match", 9, 10, false],
    ["whose overlapping images do not match", 1, 10, true],
    ["with too few pairs to judge", 0, 3, false],
  ])("%s", (_, matching, compared, expected) => {
    expect(contradicts({ compared: 100, matching: 90 }, { compared, matching })).toBe(expected);
  });

  it("is held to what is usual in its parts", () => {
    expect(contradicts({ compared: 100, matching: 50 }, { compared: 10, matching: 3 })).toBe(false);
    expect(contradicts({ compared: 100, matching: 100 }, { compared: 10, matching: 3 })).toBe(true);
  });

  it("counts only pairs that were compared", () => {
    const inliers = new Map([
      ["a b", 20],
      ["a c", 0],
    ]);
    const pairs = [
      ["b", "a"],
      ["a", "c"],
      ["b", "c"],
    ] as const;
    expect(agreementOf(pairs, inliers)).toEqual({ compared: 2, matching: 1 });
  });
});
