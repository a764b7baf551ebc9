import { largestLens, lensOf, Transforms } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { project, toOpenCv } from "./camera-models.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { sparsePointCloud, toDatasetFrame, transformsOf } from "./dataset-files.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { dot, type Vector3 } from "./vectors.ts";

const OPENCV = {
  id: 1,
  model: 4,
  width: 640,
  height: 480,
  params: [600, 610, 322, 238, -0.1, 0.02, 0.001, -0.002],
};

function orbit(frames: number): ColmapModel {
  const poses = Array.from({ length: frames }, (_, i) => {
    const angle = (i / frames) * 4;
    return lookAt([5 + 3 * Math.cos(angle), -1, 2 + 3 * Math.sin(angle)], [5, 0, 2], [0, -1, 0]);
  });
  return modelOf(poses, ballOfPoints(80, [5, 0, 2], 0.8), OPENCV);
}

function transforms(model: ColmapModel) {
  const made = transformsOf(model);
  if (!made.ok) throw new Error(made.error.detail);
  return made.value;
}

describe("transformsOf", () => {
  it("is what the schema says, with the camera's parameters", () => {
    const made = transforms(orbit(12));
    expect(Transforms.parse(JSON.parse(JSON.stringify(made)))).toEqual(made);
    expect(made).toMatchObject({ w: 640, h: 480, fl_x: 600, fl_y: 610, cx: 322, cy: 238 });
    expect(made).toMatchObject({ k1: -0.1, k2: 0.02, p1: 0.001, p2: -0.002 });
  });

  it("has its frames by name, whatever COLMAP's order, and says which image each is", () => {
    const model = orbit(12);
    const made = transforms({ ...model, images: model.images.toReversed() });
    expect(made.frames.map(({ file_path }) => file_path)).toEqual(
      Array.from({ length: 12 }, (_, i) => `images/frame_${String(i + 1).padStart(5, "0")}.jpg`),
    );
    expect(made.frames.map(({ colmap_im_id }) => colmap_im_id)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
  });

  it.each([
    [8, [5]],
    [12, [5]],
    [13, [5, 13]],
    [50, [5, 13, 21, 29, 37, 45]],
  ])("holds every 8th of %i frames out, from the 5th on", (frames, heldOut) => {
    const made = transforms(orbit(frames));
    const names = heldOut.map((i) => `images/frame_${String(i).padStart(5, "0")}.jpg`);
    expect(made.val_filenames).toEqual(names);
    expect(made.test_filenames).toEqual(names);
    expect([...made.train_filenames, ...made.val_filenames].toSorted()).toEqual(
      made.frames.map(({ file_path }) => file_path),
    );
  });

  it("keeps nerfstudio from scaling the points a second time", () => {
    expect(transforms(orbit(12)).applied_scale).toBe(1);
  });

  it("gives each frame its own camera where there are several, and none to all", () => {
    const model = orbit(9);
    const [first, ...rest] = model.images;
    if (!first) throw new Error("there are images");
    const second = { ...OPENCV, id: 2, width: 480, height: 640 };
    const two = {
      ...model,
      cameras: new Map([...model.cameras, [2, second]]),
      images: [{ ...first, cameraId: 2 }, ...rest],
    };
    const made = transforms(two);
    // nerfstudio ignores the cameras of frames where there is one for all.
    expect(made).not.toHaveProperty("fl_x");
    expect(made).not.toHaveProperty("k1");
    const sizes = made.frames.map((frame) => [lensOf(made, frame).w, lensOf(made, frame).h]);
    const shared = [OPENCV.width, OPENCV.height];
    expect(sizes).toEqual([[480, 640], ...rest.map(() => shared)]);
  });

  it("names the photos that frames were made from", () => {
    const model = orbit(9);
    const names = new Map([[model.images[2]?.name ?? "", { photo: "holiday/IMG_7.JPG" }]]);
    const made = transformsOf(model, names);
    expect(made.ok && made.value.frames.map(({ photo }) => photo).filter(Boolean)).toEqual([
      "holiday/IMG_7.JPG",
    ]);
  });

  it("refuses kinds of cameras that it does not know", () => {
    const model = orbit(9);
    const fisheye = { ...model, cameras: new Map([[1, { ...OPENCV, model: 5 }]]) };
    expect(transformsOf(fisheye)).toMatchObject({ ok: false, error: { code: "colmap_failed" } });
  });
});

/** Where a point of the dataset's frame appears in one of its images, as a reader of transforms.json computes it. */
function pixelOf(made: Transforms, frame: number, point: Vector3) {
  const matrix = made.frames[frame]?.transform_matrix;
  const lens = largestLens(made);
  const camera = toOpenCv({
    ...OPENCV,
    params: [lens.fl_x, lens.fl_y, lens.cx, lens.cy, lens.k1, lens.k2, lens.p1, lens.p2],
  });
  if (!matrix || !camera) throw new Error("no such frame");
  const from: Vector3 = [point[0] - matrix[0][3], point[1] - matrix[1][3], point[2] - matrix[2][3]];
  const along = (axis: 0 | 1 | 2) => dot(from, [matrix[0][axis], matrix[1][axis], matrix[2][axis]]);
  // OpenGL's axes (y up, z backwards) to OpenCV's (y down, z forward).
  return project(camera, [along(0), -along(1), -along(2)]);
}

describe("the frame of the dataset", () => {
  const model = orbit(12);
  const made = transforms(model);

  it("shows each point where COLMAP saw it", () => {
    let seen = 0;
    for (const { position, track } of model.points) {
      for (let i = 0; i < track.length; i += 2) {
        const image = model.images[(track[i] ?? 0) - 1];
        const feature = 2 * (track[i + 1] ?? 0);
        const pixel = pixelOf(made, (track[i] ?? 0) - 1, toDatasetFrame(made, position));
        expect(pixel?.[0]).toBeCloseTo(image?.features[feature] ?? -1, 6);
        expect(pixel?.[1]).toBeCloseTo(image?.features[feature + 1] ?? -1, 6);
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(500);
  });

  it("is that of sparse_pc.ply", () => {
    const [header, body] = sparsePointCloud(model, made).split("end_header\n");
    expect(header).toBe(
      "ply\nformat ascii 1.0\nelement vertex 80\nproperty float x\nproperty float y\nproperty float z\n" +
        "property uchar red\nproperty uchar green\nproperty uchar blue\n",
    );
    const rows =
      body
        ?.trim()
        .split("\n")
        .map((line) => line.split(" ").map(Number)) ?? [];
    expect(rows).toHaveLength(80);
    rows.forEach((row, i) => {
      const point = model.points[i];
      const expected = toDatasetFrame(made, point?.position ?? [0, 0, 0]);
      expected.forEach((value, axis) => {
        expect(row[axis]).toBeCloseTo(value, 5);
      });
      expect(row.slice(3)).toEqual([...(point?.colour ?? [])]);
    });
  });

  it("has z up and the farthest camera at distance 1", () => {
    const positions = made.frames.map(({ transform_matrix: m }): Vector3 => [m[0][3], m[1][3], m[2][3]]);
    expect(Math.max(...positions.map((p) => Math.hypot(...p)))).toBeCloseTo(1, 9);
    // COLMAP's y points down and the cameras were 1 above the centre, 3 away.
    for (const p of positions) expect(p[2]).toBeCloseTo(1 / Math.sqrt(10), 2);
  });
});
