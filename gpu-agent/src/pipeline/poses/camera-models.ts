import type { ColmapCamera } from "./colmap-model.ts";

/** COLMAP's OPENCV camera, of which all the models that we let COLMAP use are special cases. Pixels. */
export interface OpenCvCamera {
  readonly width: number;
  readonly height: number;
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  /** Radial distortion. */
  readonly k1: number;
  readonly k2: number;
  /** Tangential distortion. */
  readonly p1: number;
  readonly p2: number;
}

/** Which parameter of each COLMAP model (by its number) is what; src/colmap/sensor/models.h. */
const LAYOUTS: Readonly<Record<number, Readonly<Partial<Record<keyof OpenCvCamera, number>>>>> = {
  // SIMPLE_PINHOLE
  0: { fx: 0, fy: 0, cx: 1, cy: 2 },
  // PINHOLE
  1: { fx: 0, fy: 1, cx: 2, cy: 3 },
  // SIMPLE_RADIAL
  2: { fx: 0, fy: 0, cx: 1, cy: 2, k1: 3 },
  // RADIAL
  3: { fx: 0, fy: 0, cx: 1, cy: 2, k1: 3, k2: 4 },
  // OPENCV
  4: { fx: 0, fy: 1, cx: 2, cy: 3, k1: 4, k2: 5, p1: 6, p2: 7 },
};

/** The camera in OPENCV's terms; null for a model that is not one of its special cases, such as a fisheye. */
export function toOpenCv(camera: ColmapCamera): OpenCvCamera | null {
  const layout = LAYOUTS[camera.model];
  if (!layout) return null;
  const value = (name: keyof OpenCvCamera) => camera.params[layout[name] ?? -1] ?? 0;
  return {
    width: camera.width,
    height: camera.height,
    fx: value("fx"),
    fy: value("fy"),
    cx: value("cx"),
    cy: value("cy"),
    k1: value("k1"),
    k2: value("k2"),
    p1: value("p1"),
    p2: value("p2"),
  };
}

/** COLMAP's number of OPENCV. */
const OPENCV = 4;

/** The camera as COLMAP's OPENCV model. */
export function fromOpenCv(id: number, lens: OpenCvCamera): ColmapCamera {
  const { width, height, fx, fy, cx, cy, k1, k2, p1, p2 } = lens;
  return { id, model: OPENCV, width, height, params: [fx, fy, cx, cy, k1, k2, p1, p2] };
}

/**
 * Where a point in the camera's frame (x right, y down, z forward) appears, in pixels; null behind the camera.
 * Distortion after D. Brown, "Close-Range Camera Calibration" (1971), in OpenCV's form.
 */
export function project(
  camera: OpenCvCamera,
  [x, y, z]: readonly [number, number, number],
): readonly [number, number] | null {
  if (z <= 0) return null;
  const u = x / z;
  const v = y / z;
  const r2 = u * u + v * v;
  const radial = 1 + camera.k1 * r2 + camera.k2 * r2 * r2;
  const du = 2 * camera.p1 * u * v + camera.p2 * (r2 + 2 * u * u);
  const dv = camera.p1 * (r2 + 2 * v * v) + 2 * camera.p2 * u * v;
  return [camera.fx * (u * radial + du) + camera.cx, camera.fy * (v * radial + dv) + camera.cy];
}

const UNDISTORTING_STEPS = 50;
/** Pixels. */
const UNDISTORTED = 1e-3;

/**
 * The direction (x, y, 1) in the camera's frame that a pixel shows: the inverse of `project`. The distortion is
 * inverted by fixed-point iteration, as OpenCV does.
 */
export function unproject(
  camera: OpenCvCamera,
  [px, py]: readonly [number, number],
): readonly [number, number, number] {
  let [u, v] = [(px - camera.cx) / camera.fx, (py - camera.cy) / camera.fy];
  for (let step = 0; step < UNDISTORTING_STEPS; step++) {
    const at = project(camera, [u, v, 1]);
    if (at === null) break;
    const [dx, dy] = [px - at[0], py - at[1]];
    u += dx / camera.fx;
    v += dy / camera.fy;
    if (Math.hypot(dx, dy) < UNDISTORTED) break;
  }
  return [u, v, 1];
}
