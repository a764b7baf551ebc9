import { describe, expect, it } from "vitest";
import { cameraPose } from "../poses/normalize.ts";
import { modelOfTransforms, readTransformsFile } from "./read-transforms.ts";

const POSE = [
  [1, 0, 0, 2],
  [0, 0, -1, 3],
  [0, 1, 0, 4],
  [0, 0, 0, 1],
];
const FRAME = { file_path: "images/1.jpg", transform_matrix: POSE };
const FILE = { fl_x: 500, w: 640, h: 480, frames: [FRAME] };

function read(file: unknown, size: { width: number; height: number } | null = { width: 640, height: 480 }) {
  const parsed = readTransformsFile(typeof file === "string" ? file : JSON.stringify(file));
  return parsed.ok ? modelOfTransforms(parsed.value, () => size) : parsed;
}

describe("a transforms.json", () => {
  it("gives the same camera in COLMAP's terms", () => {
    const model = read(FILE);
    if (!model.ok) return expect.fail(model.error);
    const [image] = model.value.images;
    if (image === undefined) return expect.fail("no image");
    const pose = cameraPose(image);
    const rounded = Object.fromEntries(
      Object.entries<readonly number[]>({ ...pose }).map(([name, vector]) => [
        name,
        vector.map((value) => Math.round(value * 1e6) / 1e6 + 0),
      ]),
    );
    expect(rounded).toEqual({ position: [2, 3, 4], right: [1, 0, 0], up: [0, 0, 1], forward: [0, 1, 0] });
    expect([...model.value.cameras.values()]).toEqual([
      { id: 1, model: 4, width: 640, height: 480, params: [500, 500, 320, 240, 0, 0, 0, 0] },
    ]);
  });

  it.each([
    ["an angle of view", { ...FILE, fl_x: undefined, camera_angle_x: Math.PI / 2 }, [320, 320, 320, 240]],
    [
      "two angles",
      { ...FILE, fl_x: undefined, camera_angle_x: 1, camera_angle_y: Math.PI / 2 },
      [585.8, 240, 320, 240],
    ],
    [
      "intrinsics of the frame",
      { ...FILE, frames: [{ ...FRAME, fl_x: 700, cx: 300 }] },
      [700, 700, 300, 240],
    ],
    ["no size", { fl_x: 500, frames: [FRAME] }, [500, 500, 320, 240]],
    [
      "a matrix of three rows",
      { ...FILE, frames: [{ ...FRAME, transform_matrix: POSE.slice(0, 3) }] },
      [500, 500, 320, 240],
    ],
    ["negligible k3", { ...FILE, k3: 0.001 }, [500, 500, 320, 240]],
  ])("may have %s", (_, file, params) => {
    const model = read(file);
    if (!model.ok) return expect.fail(model.error);
    const [camera] = model.value.cameras.values();
    expect(camera?.params.slice(0, 4).map((value) => Math.round(10 * value) / 10)).toEqual(params);
  });

  const withPose = (...rows: unknown[]) => ({ ...FILE, frames: [{ ...FRAME, transform_matrix: rows }] });
  it.each<[string, unknown, RegExp]>([
    ["is not JSON", "{", /is not JSON/],
    ["is nested deeply", "[".repeat(100_000), /is not JSON/],
    ["has no frames", { ...FILE, frames: [] }, /frames/],
    ["has too many frames", { ...FILE, frames: Array(10_001).fill(FRAME) }, /frames/],
    [
      "has a path of absurd length",
      { ...FILE, frames: [{ ...FRAME, file_path: "a".repeat(2000) }] },
      /file_path/,
    ],
    ["has a number that is none", JSON.stringify(FILE).replace("500", "NaN"), /is not JSON/],
    ["has an infinite number", JSON.stringify(FILE).replace("500", "1e999"), /fl_x/],
    ["has a singular rotation", withPose([1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]), /not a rotation/],
    ["has a mirrored rotation", withPose([-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]), /not a rotation/],
    ["has a scaled rotation", withPose([2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]), /not a rotation/],
    ["has no focal length", { ...FILE, fl_x: undefined }, /focal length/],
    [
      "has a fisheye lens",
      { ...FILE, camera_model: "OPENCV_FISHEYE" },
      /OPENCV_FISHEYE; only lenses without fisheye/,
    ],
    ["has a lens of higher order", { ...FILE, k3: 0.5 }, /k3/],
  ])("is refused when it %s", (_, file, error) => {
    expect(read(file)).toMatchObject({ ok: false, error: expect.stringMatching(error) });
  });

  it("leaves out images that are missing", () => {
    expect(read(FILE, null)).toMatchObject({ ok: true, value: { images: [] } });
  });
});
