import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../scene/random.ts";
import { writeSyntheticDataset } from "../testing/synthetic-dataset.ts";
import { loadDataset } from "./dataset-loading.ts";
import { exposureOf, measureExposure, type Rgb } from "./exposure.ts";

const FRAMES = 24;
const POINTS = 400;
/** Each frame's neighbours on a path: the two before and the two after it. */
const PATH = Array.from({ length: FRAMES }, (_, i) =>
  [i - 2, i - 1, i + 1, i + 2].filter((other) => other >= 0 && other < FRAMES),
);

/** Points of random colours in frames of given gains; a share of them is hidden, and shows anything. */
function observed(
  gainOf: (frame: number) => Rgb,
  { noise = 0.02, hidden = 0, points = POINTS } = {},
): Float32Array[] {
  const random = new Random(7);
  const colors = Array.from({ length: 3 * points }, () => 40 + 120 * random.next());
  return Array.from({ length: FRAMES }, (_, frame) =>
    Float32Array.from(colors, (color, i) =>
      random.next() < hidden
        ? 20 + 200 * random.next()
        : color * gainOf(frame)[(i % 3) as 0 | 1 | 2] * Math.exp(noise * random.normal()),
    ),
  );
}

const jumping = (frame: number): Rgb =>
  [0.75, 1.1, 0.9, 1.3].map((gain) => [gain, gain, gain] as const)[frame % 4] ?? [1, 1, 1];

describe("whether the exposure varies", () => {
  it.each<[name: string, expected: boolean, colors: Float32Array[]]>([
    ["steady", false, observed(() => [1, 1, 1])],
    ["each frame other than its neighbours", true, observed(jumping)],
    ["the tint alone", true, observed((frame) => (frame % 2 === 0 ? [1.1, 1, 0.9] : [0.9, 1, 1.1]))],
    ["a slow drift along the path", false, observed((frame) => [1 + 0.02 * frame, 1, 1])],
    ["jumping, though a quarter of the points is hidden", true, observed(jumping, { hidden: 0.25 })],
    ["steady, though a quarter of the points is hidden", false, observed(() => [1, 1, 1], { hidden: 0.25 })],
    ["noise in place of colours", false, observed(() => [1, 1, 1], { hidden: 1 })],
    ["too few points", false, observed(jumping, { points: 10 })],
    ["no points", false, observed(jumping, { points: 0 })],
  ])("%s", (_, expected, colors) => {
    const points = (colors[0]?.length ?? 0) / 3;
    expect(exposureOf(colors, points, PATH).varies).toBe(expected);
  });
});

it("finds each frame's gain, with a mean of 1", () => {
  const { gains, spread } = exposureOf(observed(jumping, { hidden: 0.2 }), POINTS, PATH);
  const mean = Math.exp([0.75, 1.1, 0.9, 1.3].reduce((sum, gain) => sum + Math.log(gain) / 4, 0));
  for (const [frame, gain] of gains.entries()) {
    for (const value of gain) expect(value / (jumping(frame)[0] / mean)).toBeCloseTo(1, 1);
  }
  expect(spread).toBeGreaterThan(0.1);
});

describe("on photos", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-exposure-"));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each([
    ["steady, with a ball that hides the wall behind it", () => [1, 1, 1] as const, false],
    ["flickering", jumping, true],
  ])("%s", async (name, gainOf, varies) => {
    const dataset = { dir: join(dir, name) };
    await writeSyntheticDataset(dataset.dir, {
      frames: FRAMES,
      width: 96,
      height: 72,
      holdOutEvery: 0,
      gainOf,
    });
    const loaded = await loadDataset(dataset);
    if (!loaded.ok) return expect.fail(loaded.error.detail);
    const exposure = await measureExposure(loaded.value.train, loaded.value.points);
    expect(exposure.varies).toBe(varies);
    // Saturated colours are left out, so the ratio of two frames is that of their gains.
    const [a, b] = [exposure.gains[0]?.[1] ?? 0, exposure.gains[1]?.[1] ?? 0];
    expect(b / a).toBeCloseTo(gainOf(1)[1] / gainOf(0)[1], 1);
  });
});
