import { describe, expect, it } from "vitest";
import { planFilm, renderedOf, sizeOf } from "./plan-film.ts";

const COST = { load: 1, picture: 0.01, pixel: 1e-7 };
const LIMITS = { photoSide: 4000, budget: 1e6, threads: 1, crowding: 1, flownBack: false };

describe("planFilm", () => {
  it.each([
    ["the best where there is time", COST, LIMITS, 1280, 240],
    ["a shorter one where there is less", COST, { ...LIMITS, budget: 36 }, 1280, 168],
    ["a smaller one where there is little", COST, { ...LIMITS, budget: 16 }, 720, 144],
    [
      "better ones with more threads",
      { ...COST, pixel: 1e-6 },
      { ...LIMITS, budget: 60, threads: 8 },
      1280,
      240,
    ],
    ["worse ones with one thread", { ...COST, pixel: 1e-6 }, { ...LIMITS, budget: 60 }, 720, 144],
    ["better ones of a path that is flown back", COST, { ...LIMITS, budget: 33, flownBack: true }, 1280, 240],
    ["none larger than the photos", COST, { ...LIMITS, photoSide: 900 }, 900, 240],
    ["worse ones on a crowded machine", COST, { ...LIMITS, budget: 36, crowding: 3 }, 960, 168],
  ] as const)("makes %s", (_, cost, limits, width, frames) => {
    expect(planFilm(16 / 9, cost, limits)).toMatchObject({ width, frames });
  });

  it("says what the least would take where there is no time", () => {
    const least = planFilm(16 / 9, COST, { ...LIMITS, budget: 0 });
    expect(least).toBeGreaterThan(2);
    expect(planFilm(16 / 9, COST, { ...LIMITS, budget: Number(least) })).toMatchObject({ width: 480 });
  });

  it("renders half of what is flown back", () => {
    expect([renderedOf({ frames: 240 }, false), renderedOf({ frames: 240 }, true)]).toEqual([240, 120]);
  });
});

it.each([
  [16 / 9, 1280, { width: 1280, height: 720 }],
  [9 / 16, 1280, { width: 720, height: 1280 }],
  [1, 480, { width: 480, height: 480 }],
  [4.03 / 3, 721, { width: 722, height: 536 }],
  [1000, 1280, { width: 1280, height: 16 }],
])("has even sizes of the aspect %f", (aspect, side, size) => {
  expect(sizeOf(aspect, side)).toEqual(size);
});
