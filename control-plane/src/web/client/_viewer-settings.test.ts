import { expect, it } from "vitest";
import { type CameraFile, viewerSettings } from "./_viewer-settings.ts";

/** A camera in the capture's axes, z up, that looks at a point level with it. */
function camera([x, y, z]: readonly [number, number, number], [dx, dy]: readonly [number, number]) {
  return [
    [dy, 0, -dx, x],
    [-dx, 0, -dy, y],
    [0, 1, 0, z],
    [0, 0, 0, 1],
  ];
}

function file(...matrices: number[][][]): CameraFile {
  return {
    fl_x: 120,
    fl_y: 120,
    w: 320,
    h: 240,
    frames: matrices.map((transform_matrix) => ({ transform_matrix })),
  };
}

interface Settings {
  readonly cameras: { initial: { position: number[]; target: number[]; fov: number } }[];
  readonly animTracks: {
    duration: number;
    keyframes: { times: number[]; values: Record<string, number[]> };
  }[];
}
const settingsOf = (cameras: CameraFile) => viewerSettings(cameras, 1) as Settings;

// In the viewer y is up, and a capture's (x, y, z) is at (−x, z, y).
it.each([
  { where: "in front", at: [0, -3, 0], looks: [0, 1], position: [-0, 0, -3], target: [0, 0, 0] },
  { where: "at the side", at: [3, 0, 0], looks: [-1, 0], position: [-3, 0, 0], target: [0, 0, 0] },
  { where: "above", at: [0, -3, 2], looks: [0, 1], position: [-0, 2, -3], target: [0, 2, 0] },
  { where: "looking away", at: [0, -3, 0], looks: [0, -1], position: [-0, 0, -3], target: [0, 0, -3.1] },
] as const)("starts at the camera $where", ({ at, looks, position, target }) => {
  const initial = settingsOf(file(camera(at, looks))).cameras[0]?.initial;
  expect(initial?.fov).toBeCloseTo(90);
  for (const axis of [0, 1, 2] as const) {
    expect(initial?.position[axis]).toBeCloseTo(position[axis]);
    expect(initial?.target[axis]).toBeCloseTo(target[axis]);
  }
});

it("starts at the camera that looks most directly at the subject, as the thumbnail does", () => {
  const astray = camera([0, -3, 0], [0.6, 0.8]);
  const direct = camera([3, 0, 0], [-1, 0]);
  const level = camera([0, 3, 1], [0, -1]);
  expect(settingsOf(file(astray, level, direct)).cameras[0]?.initial.position).toEqual([-3, 0, 0]);
});

it("has no start and no path without cameras", () => {
  expect(settingsOf(file())).toMatchObject({ cameras: [], animTracks: [] });
});

it.each([
  { cameras: 2, keyframes: 0 },
  { cameras: 3, keyframes: 3 },
  { cameras: 24, keyframes: 24 },
  { cameras: 25, keyframes: 13 },
  { cameras: 1000, keyframes: 24 },
])("flies through $keyframes of $cameras cameras, in the order of the capture", ({ cameras, keyframes }) => {
  const path = Array.from({ length: cameras }, (_, index) => camera([index, -3, 0], [0, 1]));
  const [track] = settingsOf(file(...path)).animTracks;
  expect(track?.keyframes.times.length ?? 0).toBe(keyframes);
  if (track === undefined) return;
  const { position = [], target = [], fov = [] } = track.keyframes.values;
  expect([position.length, target.length, fov.length]).toEqual([3 * keyframes, 3 * keyframes, keyframes]);
  const along = position.filter((_, index) => index % 3 === 0).map((x) => -x);
  expect(along).toEqual(along.toSorted((a, b) => a - b));
  expect(track.keyframes.times).toEqual(track.keyframes.times.toSorted((a, b) => a - b));
});

const degrees = (halfTangent: number) => (2 * Math.atan(halfTangent) * 180) / Math.PI;

// The photo is 4:3, with half tangents 4/3 and 1.
it.each([
  { window: "of the photo's shape", aspect: 4 / 3, fov: degrees(4 / 3) },
  { window: "wider than the photo: its width fits", aspect: 1.7, fov: degrees(4 / 3) },
  { window: "much wider: most of its height is seen", aspect: 4, fov: degrees(3) },
  { window: "narrower than the photo: its height fits", aspect: 1.2, fov: degrees(1.2) },
  { window: "upright: its height fits", aspect: 0.5, fov: degrees(1) },
])("has the field of view of a window $window", ({ aspect, fov }) => {
  const settings = viewerSettings(file(camera([0, -3, 0], [0, 1])), aspect) as Settings;
  expect(settings.cameras[0]?.initial.fov).toBeCloseTo(fov);
});
