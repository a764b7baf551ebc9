import { describe, expect, it } from "vitest";
import { cameraPose } from "./normalize.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { type SensedFrames, sensedUp } from "./sensed-up.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { estimateUp } from "./up-direction.ts";
import { dot, normalized, type Vector3 } from "./vectors.ts";

/** The world's up, which is no axis of the model. */
const UP = normalized([0.3, -0.5, 0.8]);
const POINTS = ballOfPoints(60, [0, 0, 0], 1);

/** A drone: the cameras look straight down, and turn about the vertical. */
const DRONE = modelOf(
  Array.from({ length: 20 }, (_, i) => {
    const [x, y] = [(i % 5) - 2, Math.floor(i / 5) - 1.5];
    return lookAt([x, y, 4], [x + 0.01, y, 0], [0, 0, 1], i);
  }),
  POINTS,
);
/** A walk around, with the camera tilted now and then. */
const WALK = modelOf(
  Array.from({ length: 20 }, (_, i) => {
    const a = (2 * Math.PI * i) / 20;
    return lookAt([4 * Math.cos(a), 4 * Math.sin(a), 1 + (i % 4)], [0, 0, 0], [0, 0, 1], 0.2 * (i % 3));
  }),
  POINTS,
);

type Axes = (v: Vector3) => Vector3;
const AS_CAMERA: Axes = (v) => v;

/** What the sensors of a model's cameras say when `up` is up, with some shaking. */
function sensed(model: typeof WALK, up: Vector3, axes: Axes, shake = 0.2): SensedFrames {
  const random = pseudoRandom(5);
  const noise = () => 2 * shake * (random() - 0.5);
  const readings = model.images.map((image): [string, Vector3] => {
    const { right, up: top, forward } = cameraPose(image);
    const exact = axes([dot(up, right), dot(up, top), -dot(up, forward)]);
    return [image.name, normalized([exact[0] + noise(), exact[1] + noise(), exact[2] + noise()])];
  });
  return { axes: axes === AS_CAMERA ? "camera" : "sensor", up: new Map(readings) };
}

describe("up by the accelerometer", () => {
  it.each<[string, typeof WALK, Vector3, Axes]>([
    ["in a walk", WALK, [0, 0, 1], AS_CAMERA],
    ["of a camera that was held askew", WALK, UP, AS_CAMERA],
    ["of a drone that looks straight down", DRONE, [0, 0, 1], AS_CAMERA],
    ["with a sensor in another position", WALK, [0, 0, 1], ([x, y, z]) => [y, -x, z]],
    ["with a sensor behind the picture", WALK, UP, ([x, y, z]) => [z, x, y]],
  ])("%s", (_, model, up, axes) => {
    const found = sensedUp(model, [sensed(model, up, axes)], up);
    expect(dot(found?.direction ?? [0, 0, 0], up)).toBeGreaterThan(Math.cos(0.1));
    expect(found?.confidence).toBeGreaterThan(0.85);
  });

  it("is the camera's where its turns do not tell the sensor's position", () => {
    const level = modelOf(
      Array.from({ length: 12 }, (_, i) => lookAt([i / 4, -4, 0], [i / 4, 0, 0], [0, 0, 1])),
      POINTS,
    );
    const found = sensedUp(level, [sensed(level, [0, 0, 1], ([x, y, z]) => [y, x, -z])], [0, 0.1, 0.99]);
    expect(found?.direction[2]).toBeGreaterThan(0.99);
  });

  it("is not believed when it contradicts the cameras", () => {
    const random = pseudoRandom(9);
    const up = new Map(
      WALK.images.map(({ name }): [string, Vector3] => {
        return [name, normalized([random() - 0.5, random() - 0.5, random() - 0.5])];
      }),
    );
    expect(sensedUp(WALK, [{ axes: "sensor", up }], [0, 0, 1])).toBeNull();
  });

  it("is not taken from a few frames", () => {
    const { axes, up } = sensed(WALK, [0, 0, 1], AS_CAMERA);
    expect(sensedUp(WALK, [{ axes, up: new Map([...up].slice(0, 7)) }], [0, 0, 1])).toBeNull();
  });

  it("decides before what the pictures show, and after the job's choice", () => {
    const drone = [sensed(DRONE, [0, 0, 1], AS_CAMERA)];
    expect(estimateUp(DRONE, "auto", new Map(), drone).report).toMatchObject({
      side: "camera",
      source: "gravity",
    });
    expect(estimateUp(DRONE, "top", new Map(), drone).report.source).toBe("option");
    expect(estimateUp(DRONE, "auto", new Map()).report.source).not.toBe("gravity");
  });
});
