import { expect, it } from "vitest";
import { transformsOf } from "../poses/dataset-files.ts";
import { cameraPose } from "../poses/normalize.ts";
import { ballOfPoints, lookAt, modelOf } from "../poses/testing/synthetic-model.ts";
import { apply, length, rotationOf, scale, subtract, type Vector3 } from "../poses/vectors.ts";
import { scaleByPositions } from "./scale-by-positions.ts";

/** A walk around a subject that is not at the model's origin. */
const MODEL = modelOf(
  Array.from({ length: 16 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 16;
    return lookAt([20 + 4 * Math.cos(angle), 4 * Math.sin(angle), 1 + (i % 3) / 4], [20, 0, 0], [0, 0, 1]);
  }),
  ballOfPoints(50, [20, 0, 0], 1),
);
const METRES = 7.5;

/** The cameras on the earth: turned, moved, and at 7.5 metres for each of the model's units. */
const PLACES = new Map(
  MODEL.images.map((image): [string, Vector3] => {
    const at = scale(apply(rotationOf([0.8, 0.3, -0.1, 0.2]), cameraPose(image).position), METRES);
    return [image.name, [at[0] + 100, at[1] - 50, at[2] + 3]];
  }),
);

it("is that of the dataset, in which distances are not the model's", () => {
  const transforms = transformsOf(MODEL);
  if (!transforms.ok) throw new Error(transforms.error.detail);
  const report = scaleByPositions(MODEL, PLACES, transforms.value);
  expect(report).toMatchObject({ source: "positions", confidence: 1 });
  const [a, b] = transforms.value.frames.map(
    ({ transform_matrix: [x, y, z] }): Vector3 => [x[3], y[3], z[3]],
  );
  const [first, second] = [...PLACES.values()];
  if (!a || !b || !first || !second) throw new Error("two cameras");
  const metres = length(subtract(first, second)) / length(subtract(a, b));
  expect((report?.metres_per_unit ?? 0) / metres).toBeCloseTo(1, 3);
  expect(Math.abs(metres / METRES - 1)).toBeGreaterThan(0.5);
});

it("is unknown without positions", () => {
  const transforms = transformsOf(MODEL);
  expect(transforms.ok && scaleByPositions(MODEL, new Map(), transforms.value)).toBeNull();
});
