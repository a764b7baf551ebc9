import { describe, expect, it } from "vitest";
import {
  applySimilarity,
  cameraPose,
  geometricMedian,
  normalizingSimilarity,
  upDirection,
} from "./normalize.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { add, apply, dot, length, normalized, rotationOf, scale, type Vector3 } from "./vectors.ts";

/** COLMAP's world is turned anyhow: here up is this direction. */
const UP = normalized([0.3, -0.8, 0.45]);
const TURN = rotationOf([0.9, 0.1, -0.4, 0.2]);
const CENTRE: Vector3 = [4, -7, 2];

/** A place given by degrees around the centre, degrees above the ground, and distance. */
function around(azimuth: number, elevation: number, distance: number): Vector3 {
  const [a, e] = [(azimuth * Math.PI) / 180, (elevation * Math.PI) / 180];
  const side = normalized([UP[1], -UP[0], 0]);
  const front: Vector3 = [
    UP[1] * side[2] - UP[2] * side[1],
    UP[2] * side[0] - UP[0] * side[2],
    UP[0] * side[1] - UP[1] * side[0],
  ];
  const flat = add(scale(side, Math.cos(a)), scale(front, Math.sin(a)));
  return add(CENTRE, scale(add(scale(flat, Math.cos(e)), scale(UP, Math.sin(e))), distance));
}

function range(count: number, from: number, to: number): number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

const BALL = ballOfPoints(300, CENTRE, 0.5);

/** What turns up in the normalised frame: the angle to +z in degrees. */
function tilt(model: ReturnType<typeof modelOf>): number {
  const { rotation } = normalizingSimilarity(model);
  return (Math.acos(Math.min(1, apply(rotation, UP)[2])) * 180) / Math.PI;
}

describe("the vertical", () => {
  const walk = (azimuths: readonly number[], elevation: number) =>
    modelOf(
      azimuths.map((a) => lookAt(around(a, elevation, 3), CENTRE, UP)),
      BALL,
    );

  it.each([
    ["a walk all around", walk(range(36, 0, 350), 20), 0.1],
    ["a walk all around, looking down steeply", walk(range(36, 0, 350), 70), 0.1],
    ["half a walk, looking down", walk(range(20, 0, 180), 45), 0.1],
    ["a short arc, looking down", walk(range(20, 0, 45), 40), 0.1],
    ["a very short arc, level", walk(range(20, 0, 8), 3), 4],
  ])("is found for %s", (_, model, degrees) => expect(tilt(model)).toBeLessThan(degrees));

  it("is found although hands shake", () => {
    const shake = (i: number) => 0.09 * Math.sin(i * 12.9898) + 0.02 * Math.cos(i * 78.233);
    const poses = range(40, 0, 200).map((a, i) => lookAt(around(a, 30, 3), CENTRE, UP, shake(i)));
    expect(tilt(modelOf(poses, BALL))).toBeLessThan(3);
  });

  it("is the mean up axis when the cameras hardly turn", () => {
    const poses = range(20, 0, 6).map((a, i) =>
      lookAt(around(a, 5, 3), CENTRE, UP, 0.05 * Math.sin(i * 12.9898)),
    );
    expect(tilt(modelOf(poses, BALL))).toBeLessThan(7);
  });

  it("is the mean up axis when the cameras are rolled", () => {
    const poses = range(30, 0, 300).map((a, i) =>
      lookAt(around(a, 0, 3), CENTRE, UP, i % 3 === 0 ? 1.5 : -0.6),
    );
    const rolled = poses.map((pose) =>
      cameraPose({ ...pose, id: 1, cameraId: 1, name: "", features: new Float64Array() }),
    );
    expect(dot(upDirection(rolled), UP)).toBeGreaterThan(0.9);
  });

  it("is behind cameras that look straight down while turning", () => {
    const poses = range(12, 0, 330).map((a) => {
      const heading = normalized(add(around(a, 0, 1), scale(CENTRE, -1)));
      return lookAt(add(around(a, 0, 1), scale(UP, 4)), around(a, 0, 1), heading);
    });
    expect(tilt(modelOf(poses, BALL))).toBeLessThan(1);
  });
});

describe("the centre and the scale", () => {
  function placed(model: ReturnType<typeof modelOf>) {
    const similarity = normalizingSimilarity(model);
    return {
      cameras: model.images.map((image) => applySimilarity(similarity, cameraPose(image).position)),
      subject: applySimilarity(similarity, CENTRE),
      similarity,
    };
  }

  it.each([
    ["a walk all around", range(36, 0, 350)],
    ["a short arc", range(20, 0, 40)],
  ])("put the subject of %s at the origin and the farthest camera at distance 1", (_, azimuths) => {
    const poses = azimuths.map((a, i) => lookAt(around(a, 15, 3 + 0.5 * Math.sin(i)), CENTRE, UP));
    const { cameras, subject } = placed(modelOf(poses, BALL));
    expect(Math.max(...cameras.map(length))).toBeCloseTo(1, 9);
    expect(length(subject)).toBeLessThan(0.06);
  });

  it("are robust to a few cameras that look elsewhere and to a distant background", () => {
    const far = ballOfPoints(600, CENTRE, 60);
    const poses = range(30, 0, 350).map((a, i) =>
      lookAt(around(a, 15, 3), i % 10 === 0 ? around(a + 120, 40, 9) : CENTRE, UP),
    );
    expect(length(placed(modelOf(poses, [...BALL, ...far])).subject)).toBeLessThan(0.35);
  });

  it("are those of the subject in the middle, not of a wall all around it", () => {
    const wall = range(900, 0, 899).map((i): Vector3 => {
      const angle = i * 2.399963;
      const [x, y] = [(4.4 + (i % 7) / 3) * Math.cos(angle), (3.4 + (i % 5) / 4) * Math.sin(angle)];
      const middle = around(190, 0, 9);
      const side = normalized(add(around(100, 0, 1), scale(CENTRE, -1)));
      return add(middle, add(scale(side, x), scale(UP, y)));
    });
    const poses = range(15, 5, 15).map((a) => lookAt(around(a, 0, 3), CENTRE, UP));
    expect(length(placed(modelOf(poses, [...BALL, ...wall])).subject)).toBeLessThan(0.1);
  });

  it("put a room that was filmed from its middle around the origin", () => {
    const walls = range(400, 0, 359.1).map((a, i) => around(a, (i % 9) * 5 - 20, 5));
    const poses = range(30, 0, 348).map((a) => lookAt(around(a, 0, 0.5), around(a, 0, 5), UP));
    const { cameras, subject } = placed(modelOf(poses, walls));
    expect(Math.max(...cameras.map(length))).toBeCloseTo(1, 9);
    expect(length(subject)).toBeLessThan(0.2);
  });

  it("do not depend on how COLMAP's world lies", () => {
    const poses = range(20, 0, 120).map((a) => lookAt(around(a, 25, 3), CENTRE, UP));
    const turned = (p: Vector3) => apply(TURN, scale(add(p, [1, 2, 3]), 2.5));
    const turnedPoses = range(20, 0, 120).map((a) =>
      lookAt(turned(around(a, 25, 3)), turned(CENTRE), apply(TURN, UP)),
    );
    const one = placed(modelOf(poses, BALL)).cameras;
    const other = placed(modelOf(turnedPoses, BALL.map(turned))).cameras;
    one.forEach((camera, i) => {
      for (const axis of [0, 1, 2] as const) expect(camera[axis]).toBeCloseTo(other[i]?.[axis] ?? 9, 6);
    });
    // On the side from which SuperSplat looks.
    const middle = one.reduce(add, [0, 0, 0]);
    expect(middle[0]).toBeCloseTo(0, 6);
    expect(middle[1]).toBeGreaterThan(0.5 * one.length);
  });
});

describe("geometricMedian", () => {
  it("is hardly moved by outliers", () => {
    const points = [...ballOfPoints(50, [1, 2, 3], 0.1), [900, 0, 0], [0, 900, 0]] as Vector3[];
    expect(length(add(geometricMedian(points), [-1, -2, -3]))).toBeLessThan(0.05);
  });

  it("is the point itself when there is one, and the origin without any", () => {
    expect(length(add(geometricMedian([[1, 2, 3]]), [-1, -2, -3]))).toBeLessThan(1e-9);
    expect(geometricMedian([])).toEqual([0, 0, 0]);
  });
});
