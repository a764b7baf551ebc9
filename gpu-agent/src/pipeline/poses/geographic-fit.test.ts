import { expect, it } from "vitest";
import type { Place } from "./colmap-step.ts";
import { fitToEarth } from "./geographic-fit.ts";
import { applySimilarity, cameraPose, type Similarity } from "./normalize.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { apply, rotationOf, transpose } from "./vectors.ts";

const MODEL = modelOf(
  Array.from({ length: 16 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 16;
    return lookAt([4 * Math.cos(angle), 4 * Math.sin(angle), 1 + (i % 3) / 4], [0, 0, 0], [0, 0, 1]);
  }),
  ballOfPoints(50, [0, 0, 0], 1),
);

/** How the model lies on the earth: 12.5 metres for each of its units. */
const EARTH: Similarity = {
  rotation: rotationOf([0.9, 0.1, 0.3, -0.2]),
  scale: 12.5,
  translation: [7, 8, 9],
};

function places(noiseMetres: number, similarity = EARTH): ReadonlyMap<string, Place> {
  const random = pseudoRandom(2);
  const noise = () => 2 * noiseMetres * (random() - 0.5);
  return new Map(
    MODEL.images.map((image) => {
      const [x, y, z] = applySimilarity(similarity, cameraPose(image).position);
      return [image.name, [x + noise(), y + noise(), z + noise()]];
    }),
  );
}

it("finds the metres of a unit, and up", () => {
  const fit = fitToEarth(MODEL, places(0));
  expect(fit?.metres).toBeCloseTo(12.5, 6);
  expect(fit?.confidence).toBe(1);
  const up = apply(transpose(EARTH.rotation), [0, 0, 1]);
  for (const i of [0, 1, 2] as const) expect(fit?.up[i]).toBeCloseTo(up[i], 6);
});

it("is good to some percent with a receiver's errors, and less sure", () => {
  const fit = fitToEarth(MODEL, places(5));
  expect(Math.abs((fit?.metres ?? 0) / 12.5 - 1)).toBeLessThan(0.05);
  expect(fit?.confidence).toBeLessThan(0.95);
});

it.each([
  ["that do not fit", places(80)],
  ["within a few metres", places(0, { ...EARTH, scale: 1 })],
  ["of few images", new Map([...places(0)].slice(0, 4))],
])("does not believe positions %s", (_, found) => {
  expect(fitToEarth(MODEL, found)).toBeNull();
});
