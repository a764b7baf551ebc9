import { describe, expect, it } from "vitest";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import type { Vector3 } from "./vectors.ts";
import { viewSpacing } from "./view-spacing.ts";

const UP: Vector3 = [0, 0, 1];
const BALL = ballOfPoints(200, [0, 0, 0], 0.5);

function orbit(degrees: readonly number[]) {
  return degrees.map((angle) => {
    const a = (angle * Math.PI) / 180;
    return lookAt([4 * Math.cos(a), 4 * Math.sin(a), 1], [0, 0, 0], UP);
  });
}

function every(step: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => i * step);
}

describe("the spacing of views", () => {
  it.each([3, 8, 20])("is the angle between neighbours on an orbit: %i°", (step) => {
    const { degrees } = viewSpacing(modelOf(orbit(every(step, 18)), BALL));
    expect(Math.abs(degrees / step - 1)).toBeLessThan(0.1);
  });

  it("is that between different views, when each is there twice", () => {
    const angles = every(20, 18).flatMap((angle) => [angle, angle + 0.1]);
    expect(viewSpacing(modelOf(orbit(angles), BALL)).degrees).toBeGreaterThan(15);
  });

  it("names the views that are far from all others", () => {
    const { lonely } = viewSpacing(modelOf(orbit([...every(5, 20), 180]), BALL));
    expect(lonely).toEqual(["frame_00021.jpg"]);
    expect(viewSpacing(modelOf(orbit(every(25, 14)), BALL)).lonely).toEqual([]);
  });

  it("tells a walk along a street from a camera that turns in place", () => {
    const houses = Array.from({ length: 300 }, (_, i): Vector3 => [(i % 60) - 10, 20 + (i % 7), (i % 9) - 2]);
    const walk = Array.from({ length: 30 }, (_, i) => lookAt([i, 0, 1.6], [i, 20, 2], UP));
    const turn = Array.from({ length: 30 }, (_, i) => lookAt([0.02 * i, 0, 1.6], [i, 20, 2], UP));
    expect(viewSpacing(modelOf(walk, houses)).travel).toBeGreaterThan(0.8);
    expect(viewSpacing(modelOf(turn, houses)).travel).toBeLessThan(0.1);
  });
});
