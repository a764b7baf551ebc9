import type { Transforms } from "@splatt/formats";
import { ok, type ScaleReference } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { frameName } from "../frames/frame-name.ts";
import type { FramesOutput } from "../frames/frames-stage.ts";
import { project } from "../poses/camera-models.ts";
import type { ColmapModel } from "../poses/colmap-model.ts";
import { transformsOf } from "../poses/dataset-files.ts";
import { cameraPose } from "../poses/normalize.ts";
import { inCamera, viewsById } from "../poses/observations.ts";
import { ballOfPoints, lookAt, modelOf } from "../poses/testing/synthetic-model.ts";
import { length, subtract, type Vector3 } from "../poses/vectors.ts";
import { measureScale } from "./measure-scale.ts";
import { withScale } from "./with-scale.ts";

/** A wide lens that distorts: its rays are not those of a pinhole. */
const LENS = {
  id: 1,
  model: 4,
  width: 640,
  height: 480,
  params: [512, 512, 326, 235, -0.1, 0.01, 0.001, -0.001],
};

/** In metres. Frame 5 of 12 could not be placed. */
const WORLD: ColmapModel = (() => {
  const poses = Array.from({ length: 12 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 12;
    return lookAt([4 * Math.cos(angle), 4 * Math.sin(angle), 1], [0, 0, 0], [0, 0, 1]);
  });
  const model = modelOf(poses, ballOfPoints(60, [0, 0, 0], 1), LENS);
  return { ...model, images: model.images.filter((_, i) => i !== 4) };
})();
const TRANSFORMS: Transforms = (() => {
  const transforms = transformsOf(WORLD);
  if (!transforms.ok) throw new Error(transforms.error.detail);
  return transforms.value;
})();
/** Metres of a unit of the dataset. */
const METRES = 1 / Math.hypot(...TRANSFORMS.applied_transform[0].slice(0, 3));

const VIDEO: FramesOutput = {
  ...{ count: 12, width: 640, height: 480, fps: 2, start_sec: 1, end_sec: 7, notes: [] },
  times: Array.from({ length: 12 }, (_, i) => 1 + i / 2),
};
const photo = (path: string) => ({ camera: 0, path, position: null });
const PHOTOS: FramesOutput = {
  ...{ count: 12, cameras: [{ width: 640, height: 480, focal: null }], order: "name", notes: [] },
  photos: [
    ...["a/1.jpg", "b/1.jpg", "b/2.jpg", "b/3.jpg", "b/4.jpg", "b/5.jpg"].map(photo),
    ...Array.from({ length: 3 }, () => photo("left.mp4")),
    ...Array.from({ length: 3 }, () => photo("right.mp4")),
  ],
  videos: [
    { name: "left.mp4", from: 6, count: 3, fps: 1, start_sec: 0, times: [0, 1, 2] },
    { name: "right.mp4", from: 9, count: 3, fps: 1, start_sec: 0, times: [0, 1, 2] },
  ],
};

function position(frame: number): Vector3 {
  const image = WORLD.images.find(({ name }) => name === frameName(frame - 1));
  if (image === undefined) throw new Error(`frame ${frame} is not placed`);
  return cameraPose(image).position;
}

function distance(a: number, b: number): number {
  return length(subtract(position(a), position(b)));
}

/** Where a frame shows a place of the world, with the mark off by shares of the picture. */
function sighting(frame: number, place: Vector3, offX = 0) {
  const image = WORLD.images.find(({ name }) => name === frameName(frame - 1));
  const view = viewsById(WORLD).get(image?.id ?? -1);
  if (view === undefined) throw new Error(`frame ${frame} is not placed`);
  const pixel = project(view.lens, inCamera(view, place));
  if (pixel === null) throw new Error("behind the camera");
  return { frame, x: pixel[0] / view.lens.width + offX, y: pixel[1] / view.lens.height };
}

const FIRST: Vector3 = [0.3, 0.2, 0.1];
const SECOND: Vector3 = [-0.4, 0.1, -0.3];
const APART = length(subtract(FIRST, SECOND));

describe("the scale", () => {
  it.each<[string, ScaleReference, FramesOutput]>([
    ["two frames", { metres: distance(1, 4), cameras: [{ frame: 1 }, { frame: 4 }] }, VIDEO],
    ["two times", { metres: distance(1, 4), cameras: [{ sec: 1.1 }, { sec: 2.74 }] }, VIDEO],
    ["two photos", { metres: distance(1, 3), cameras: [{ photo: "a/1.jpg" }, { photo: "2.jpg" }] }, PHOTOS],
    [
      "times of two videos",
      {
        metres: distance(8, 12),
        cameras: [
          { sec: 1, video: "left.mp4" },
          { sec: 2.2, video: "right.mp4" },
        ],
      },
      PHOTOS,
    ],
  ])("is measured between the cameras of %s", (_, reference, frames) => {
    const scale = measureScale(reference, TRANSFORMS, frames);
    expect(scale).toMatchObject({ ok: true, value: { source: "reference" } });
    expect(scale.ok && scale.value.metres_per_unit / METRES).toBeCloseTo(1, 3);
    expect(scale.ok && scale.value.confidence).toBeGreaterThan(0.9);
  });

  it("is measured between points that pictures show", () => {
    const points = [
      [sighting(1, FIRST), sighting(3, FIRST), sighting(10, FIRST)],
      [sighting(2, SECOND), sighting(4, SECOND)],
    ];
    const scale = measureScale({ metres: APART, points }, TRANSFORMS, VIDEO);
    expect(scale.ok && scale.value.metres_per_unit / METRES).toBeCloseTo(1, 3);
    expect(scale.ok && scale.value.confidence).toBeGreaterThan(0.9);
  });

  it("is less sure with marks that are a little off", () => {
    const points = [
      [sighting(1, FIRST, 0.004), sighting(3, FIRST, -0.004), sighting(10, FIRST, 0.004)],
      [sighting(2, SECOND, 0.004), sighting(4, SECOND, -0.004), sighting(12, SECOND, -0.004)],
    ];
    const scale = measureScale({ metres: APART, points }, TRANSFORMS, VIDEO);
    expect(scale.ok && Math.abs(scale.value.metres_per_unit / METRES - 1)).toBeLessThan(0.05);
    expect(scale.ok && scale.value.confidence).toBeLessThan(0.95);
  });
});

describe("no scale, with the reason:", () => {
  const cameras = (a: object, b: object): ScaleReference => ({ metres: 1, cameras: [a, b] });
  const good = [sighting(2, SECOND), sighting(4, SECOND)];
  it.each<[string, ScaleReference, FramesOutput]>([
    ["the camera of frame 5 was not placed", cameras({ frame: 5 }, { frame: 1 }), VIDEO],
    ["the camera of frame 5, the one at that time, was not placed", cameras({ sec: 3 }, { frame: 1 }), VIDEO],
    ["the camera of b/4.jpg was not placed", cameras({ photo: "b/4.jpg" }, { frame: 1 }), PHOTOS],
    ["there is no frame 13: the job has 12 frames", cameras({ frame: 13 }, { frame: 1 }), VIDEO],
    ["no frame was taken near 9 s", cameras({ sec: 9 }, { frame: 1 }), VIDEO],
    ["no photo that was used is called x.jpg", cameras({ photo: "x.jpg" }, { frame: 1 }), PHOTOS],
    ["no photo that was used is called left.mp4", cameras({ photo: "left.mp4" }, { frame: 1 }), PHOTOS],
    ["no photo that was used is called x.jpg", cameras({ photo: "x.jpg" }, { frame: 1 }), VIDEO],
    ["2 photos are called 1.jpg: give the path", cameras({ photo: "1.jpg" }, { frame: 4 }), PHOTOS],
    ["the job has several videos: say which one with video", cameras({ sec: 1 }, { frame: 1 }), PHOTOS],
    ["no video that was used is called x.mp4", cameras({ sec: 1, video: "x.mp4" }, { frame: 1 }), PHOTOS],
    ["the two cameras are in the same place", cameras({ frame: 1 }, { sec: 1 }), VIDEO],
    [
      "of the first point, its pictures see it from the same direction: mark it in others",
      { metres: 1, points: [[sighting(1, FIRST), sighting(1, FIRST, 1e-4)], good] },
      VIDEO,
    ],
    [
      "of the second point, its pictures do not show the same point: the rays through the marks miss each other",
      { metres: 1, points: [good, [sighting(1, FIRST), sighting(4, FIRST, 0.1), sighting(8, FIRST)]] },
      VIDEO,
    ],
    [
      "the two points cannot be located well enough: choose points farther apart, or mark them in pictures from more different sides",
      { metres: 1, points: [good, [sighting(2, [-0.4, 0.1, -0.301]), sighting(4, [-0.4, 0.1, -0.301])]] },
      VIDEO,
    ],
    [
      "of the first point, the camera of frame 5 was not placed",
      { metres: 1, points: [[{ frame: 5, x: 0, y: 0 }, sighting(1, FIRST)], good] },
      VIDEO,
    ],
  ])("%s", (reason, reference, frames) => {
    expect(measureScale(reference, TRANSFORMS, frames)).toEqual({ ok: false, error: reason });
  });

  it("cameras so close that their own error matters", () => {
    const near = {
      ...TRANSFORMS,
      frames: TRANSFORMS.frames.map((frame, i) => (i === 1 ? moved(TRANSFORMS, 0.02) : frame)),
    };
    expect(measureScale(cameras({ frame: 1 }, { frame: 2 }), near, VIDEO)).toMatchObject({
      ok: false,
      error: expect.stringContaining("too close together"),
    });
  });
});

/** The second frame, this many units from the first. */
function moved({ frames: [first, second] }: Transforms, units: number): Transforms["frames"][number] {
  if (first === undefined || second === undefined) throw new Error("two frames");
  const [[a, b, c, x], ...others] = first.transform_matrix;
  return { ...second, transform_matrix: [[a, b, c, x + units], ...others] };
}

describe("the capture report", () => {
  const capture = {
    ...{ frames: 12, registered: 11, points: 60, mean_reprojection_error: 0.5 },
    ...{ verdict: "good" as const, advice: "The capture is good." },
  };
  const gps = { metres_per_unit: 10, source: "positions" as const, confidence: 0.9 };
  const measured = (metres_per_unit: number) =>
    ok({ metres_per_unit, source: "reference" as const, confidence: 1 });

  it("has the measured scale, before that of the GPS positions", () => {
    expect(withScale({ ...capture, scale: gps }, measured(10.5))).toEqual({
      ...capture,
      scale: { metres_per_unit: 10.5, source: "reference", confidence: 1 },
      advice: "The capture is good. By the scale reference, one unit is 10.5 m.",
    });
  });
  it.each([2, 50])("says that %s metres do not agree with the positions' 10", (metres) => {
    const { advice } = withScale({ ...capture, scale: gps }, measured(metres));
    expect(advice).toContain("does not agree with the GPS positions");
  });
  it("keeps the positions' scale when the reference cannot be used, and says why", () => {
    const report = withScale({ ...capture, scale: gps }, { ok: false, error: "there is no frame 13" });
    expect(report).toMatchObject({ scale: gps, verdict: "good" });
    expect(report.scale_problem).toBe("The scale reference could not be used: there is no frame 13.");
    expect(report.advice).toContain(report.scale_problem ?? "?");
  });
});
