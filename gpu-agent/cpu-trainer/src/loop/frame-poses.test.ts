import type { Matrix4 } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { cameraToWorld, pinholeCamera } from "../dataset/camera.ts";
import { tilted } from "../testing/gradient-scene.ts";
import { cameraInPose, givenPose, movedPose, steppedPose } from "./frame-poses.ts";

const POSE: Matrix4 = tilted(0.4, -0.3);
const camera = pinholeCamera(
  { width: 40, height: 30, focalX: 33, focalY: 31, centerX: 20, centerY: 15 },
  POSE,
);

describe("a frame's pose", () => {
  it("is the camera that was given until it moves", () => {
    const same = cameraInPose(camera, givenPose(camera));
    expect(same.rotation).toEqual(camera.rotation);
    same.translation.forEach((value, i) => {
      expect(value).toBeCloseTo(camera.translation[i] ?? 0, 12);
    });
    cameraToWorld(camera).forEach((row, i) => {
      row.forEach((value, j) => {
        expect(value).toBeCloseTo(POSE[i]?.[j] ?? 0, 12);
      });
    });
  });

  it("turns about the camera's own centre, and stays a rotation", () => {
    let pose = givenPose(camera);
    for (let i = 0; i < 1000; i++) pose = movedPose(pose, [0.02, -0.01, 0.03], [0, 0, 0]);
    expect(pose.position).toEqual(camera.position);
    const [r0, r1] = [pose.rotation.slice(0, 3), pose.rotation.slice(3, 6)];
    expect(Math.hypot(...r0)).toBeCloseTo(1, 9);
    expect(r0.reduce((sum, value, i) => sum + value * (r1[i] ?? 0), 0)).toBeCloseTo(0, 9);
  });

  it("steps against the gradient by no more than the rates, however large that is", () => {
    for (const size of [1e-6, 1, 1e6]) {
      const gradient = Float64Array.of(0, 0, 0, size, -size, 0);
      const { position } = steppedPose(givenPose(camera), gradient, { turn: 0.1, shift: 0.01 });
      expect(position[0]).toBeCloseTo(camera.position[0] - 0.01, 6);
      expect(position[1]).toBeCloseTo(camera.position[1] + 0.01, 6);
      expect(position[2]).toBe(camera.position[2]);
    }
  });

  it("ignores a gradient that is not finite", () => {
    const pose = givenPose(camera);
    const gradient = Float64Array.of(Number.NaN, 0, 0, Number.POSITIVE_INFINITY, 0, 0);
    expect(steppedPose(pose, gradient, { turn: 0.1, shift: 0.1 })).toBe(pose);
  });
});
