import { describe, expect, it } from "vitest";
import type { ColmapModel } from "./colmap-model.ts";
import type { Place } from "./colmap-step.ts";
import { lookAt, modelOf } from "./testing/synthetic-model.ts";
import { estimateUp } from "./up-direction.ts";
import { add, apply, dot, type Matrix3, rotationOf, scale, type Vector3 } from "./vectors.ts";

/** A world with z up, on a textured ground with boxes on it; the model lies in it as COLMAP's would: anyhow. */
const TURN: Matrix3 = rotationOf([0.4, -0.7, 0.2, 0.55]);
const UP: Vector3 = [0, 0, 1];

/** A number in [0, 1) that looks random. */
const noise = (i: number) => {
  const x = Math.sin(12.9898 * (i + 1)) * 43758.5453;
  return x - Math.floor(x);
};

/** Points: on the ground, on a wall at y = 4, and in a heap. */
function points(ground: number, wall: number, heap: number): Vector3[] {
  return [
    ...Array.from(
      { length: ground },
      (_, i): Vector3 => [8 * noise(i) - 4, 8 * noise(i + 0.3) - 4, 0.01 * noise(i + 0.5)],
    ),
    ...Array.from(
      { length: wall },
      (_, i): Vector3 => [8 * noise(i + 0.1) - 4, 4 + 0.01 * noise(i), 5 * noise(i + 0.7)],
    ),
    ...Array.from({ length: heap }, (_, i): Vector3 => {
      return [2 * noise(i + 0.2) - 1, 2 * noise(i + 0.4) - 1, 2 * noise(i + 0.6)];
    }),
  ];
}

interface View {
  readonly at: Vector3;
  readonly to: Vector3;
  /** The direction that is up in the picture before it is rolled. */
  readonly up?: Vector3;
  /** Degrees. */
  readonly roll?: number;
}

function modelFrom(views: readonly View[], scene: readonly Vector3[]): ColmapModel {
  const place = (p: Vector3) => apply(TURN, scale(add(p, [3, -2, 1]), 0.7));
  const poses = views.map(({ at, to, up = UP, roll = 0 }) =>
    lookAt(place(at), place(to), apply(TURN, up), (roll * Math.PI) / 180),
  );
  return modelOf(poses, scene.map(place));
}

function orbit(from: number, to: number, count: number, height: number, roll = 0): View[] {
  return Array.from({ length: count }, (_, i): View => {
    const angle = ((from + ((to - from) * i) / (count - 1)) * Math.PI) / 180;
    const bob = 0.2 * noise(i);
    return {
      at: [5 * Math.sin(angle), -5 * Math.cos(angle), height + bob],
      to: [0, 0, 0.6],
      roll: roll + 4 * noise(i) - 2,
    };
  });
}

/** A flight over the ground; `turns` when the drone turns around at the end of each row. */
function survey(turns: boolean): View[] {
  return Array.from({ length: 40 }, (_, i): View => {
    const [row, column] = [Math.floor(i / 10), i % 10];
    const x = -2.2 + 0.49 * (row % 2 === 1 ? 9 - column : column);
    const at: Vector3 = [x, -2 + 1.2 * row, 6];
    return { at, to: [x + 0.05 * noise(i), -2 + 1.2 * row, 0], up: [0, turns && row % 2 === 1 ? -1 : 1, 0] };
  });
}

const alongWall: View[] = Array.from({ length: 30 }, (_, i): View => {
  const x = -3 + 0.2 * i;
  return { at: [x, -1, 1.6 + 0.1 * noise(i)], to: [x, 4, 1.7] };
});

/** A walk through a corridor with a long wall on one side. */
const corridor: View[] = Array.from({ length: 30 }, (_, i): View => {
  const x = -3.5 + 0.15 * i;
  return { at: [x, 2.5, 1.6 + 0.05 * noise(i)], to: [x + 3, 2.9 + 0.3 * noise(i + 0.5), 1.4] };
});

/** Pictures of something before a wall, from the left and the right, from above and below. */
const beforeWall: View[] = Array.from({ length: 40 }, (_, i): View => {
  const angle = ((-35 + 70 * noise(i)) * Math.PI) / 180;
  return {
    at: [4 * Math.sin(angle), 3.5 - 4 * Math.cos(angle), 0.5 + 2.2 * noise(i + 0.4)],
    to: [0, 3.8, 1.5],
  };
});

const tilting = rising(60);

/** A camera that rises by an angle and keeps looking at the same thing. */
function rising(degrees: number): View[] {
  return Array.from({ length: 30 }, (_, i): View => {
    const angle = ((10 + (degrees * i) / 29) * Math.PI) / 180;
    return { at: [0, -5 * Math.cos(angle), 0.5 + 5 * Math.sin(angle)], to: [0, 0, 0.5] };
  });
}

describe("up", () => {
  it.each<[string, View[], Vector3[], string, string]>([
    ["a walk around", orbit(0, 330, 36, 2), points(300, 0, 500), "top", "ground"],
    ["a walk around something without a ground", orbit(0, 330, 36, 2), points(0, 0, 600), "top", "cameras"],
    ["a short arc", orbit(-20, 20, 20, 1.5), points(300, 200, 400), "top", "ground"],
    ["a walk along a wall", alongWall, points(60, 900, 0), "top", "pictures"],
    ["a walk along a wall and nothing else", alongWall, points(0, 900, 0), "top", "pictures"],
    ["a corridor", corridor, points(40, 900, 0), "top", "pictures"],
    ["pictures from everywhere before a wall", beforeWall, points(0, 900, 100), "top", "cameras"],
    ["a camera that rises and looks down", tilting, points(500, 0, 300), "top", "ground"],
    ["a survey straight down", survey(false), points(700, 0, 300), "camera", "ground"],
    ["a survey straight down that turns", survey(true), points(700, 0, 300), "camera", "ground"],
    ["a survey of rough ground that turns", survey(true), points(0, 0, 600), "camera", "cameras"],
    ["a sideways walk around", orbit(0, 330, 36, 2, 90), points(300, 0, 500), "left", "ground"],
    ["a sideways arc", orbit(-60, 60, 30, 1.5, -90), points(400, 0, 400), "right", "ground"],
    ["a short sideways arc", orbit(-25, 25, 20, 1.5, 90), points(600, 0, 300), "left", "ground"],
  ])("is found for %s", (_, views, scene, side, source) => {
    const { direction, report } = estimateUp(modelFrom(views, scene), "auto", new Map());
    expect(report).toMatchObject({ side, source });
    expect(dot(direction, apply(TURN, UP))).toBeGreaterThan(Math.cos((5 * Math.PI) / 180));
  });

  it.each([8, 14, 20])("is not tilted to a plane of few points, %i° off", (degrees) => {
    const slope = Math.tan((degrees * Math.PI) / 180);
    const few = Array.from({ length: 120 }, (_, i): Vector3 => {
      const y = 6 * noise(i + 0.3) - 3;
      return [6 * noise(i) - 3, y, slope * y];
    });
    const { direction } = estimateUp(
      modelFrom(orbit(-20, 20, 20, 1.5), [...points(0, 0, 500), ...few]),
      "auto",
      new Map(),
    );
    expect(dot(direction, apply(TURN, UP))).toBeGreaterThan(Math.cos((5 * Math.PI) / 180));
  });

  it("is more certain, the more speaks for it", () => {
    const of = (views: View[], scene: Vector3[]) =>
      estimateUp(modelFrom(views, scene), "auto", new Map()).report.confidence;
    expect(of(orbit(0, 330, 36, 2), points(400, 0, 400))).toBeGreaterThan(0.5);
    expect(of(orbit(-8, 8, 20, 0.6), points(0, 0, 600))).toBeLessThan(0.5);
  });

  it.each<["top" | "left" | "right" | "bottom" | "camera", View[]]>([
    ["top", orbit(0, 200, 30, 2)],
    ["bottom", orbit(0, 200, 30, 2, 180)],
    ["left", orbit(0, 200, 30, 2, 90)],
    ["right", orbit(0, 200, 30, 2, -90)],
    ["camera", survey(false)],
  ])("is the side that the job names: %s", (side, views) => {
    const { direction, report } = estimateUp(modelFrom(views, points(0, 400, 300)), side, new Map());
    expect(report).toEqual({ side, source: "option", confidence: 1 });
    expect(dot(direction, apply(TURN, UP))).toBeGreaterThan(Math.cos((5 * Math.PI) / 180));
  });

  describe("according to where the photos were taken", () => {
    /** The walk along the wall, with a bow, in metres. */
    const views = alongWall.map(
      (view, i): View => ({ ...view, at: [view.at[0], -1 - (i % 7) / 3, view.at[2]], roll: 90 }),
    );
    const model = modelFrom(views, points(0, 900, 0));
    const placesWith = (error: number, factor = 10) =>
      new Map(
        views.map(({ at }, i): [string, Place] => [
          `frame_${String(i + 1).padStart(5, "0")}.jpg`,
          [
            factor * at[0] + error * (noise(i) - 0.5),
            factor * at[1] + error * (noise(i + 9) - 0.5),
            factor * at[2] + error * (noise(i + 5) - 0.5),
          ],
        ]),
      );

    it("is found though the pictures lie on their side", () => {
      const { direction, report } = estimateUp(model, "auto", placesWith(2));
      expect(report).toMatchObject({ side: "left", source: "positions" });
      expect(dot(direction, apply(TURN, UP))).toBeGreaterThan(Math.cos((10 * Math.PI) / 180));
    });

    it.each([
      ["that are wrong", placesWith(100)],
      ["within a few metres", placesWith(0, 1)],
      ["of a few photos", new Map([...placesWith(0)].slice(0, 4))],
    ])("is not taken from positions %s", (_, places) => {
      expect(estimateUp(model, "auto", places).report.source).not.toBe("positions");
    });
  });
});
