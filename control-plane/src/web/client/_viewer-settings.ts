/** What is used here of a job's transforms.json. */
export interface CameraFile {
  readonly fl_x: number;
  readonly fl_y: number;
  readonly w: number;
  readonly h: number;
  /** 4×4 by rows, camera to world, x right, y up, the camera looks along −z; the world has z up. */
  readonly frames: readonly { readonly transform_matrix: readonly (readonly number[])[] }[];
}

type Point = [x: number, y: number, z: number];

export interface View {
  readonly position: Point;
  readonly target: Point;
  /** Of the window's longer side, in degrees. */
  readonly fov: number;
}

const SECONDS_PER_KEYFRAME = 1.2;
const MAX_KEYFRAMES = 24;
/** Width relative to height. */
const WIDE_WINDOW = 4 / 3;
/** The least part of a photo's height that a wide window shows. */
const LEAST_HEIGHT = 3 / 4;

/**
 * Settings for SuperSplat's viewer: it starts at the camera of the thumbnail, which is the one that looks most directly
 * at the subject in the origin, and can fly along the path of the capture.
 *
 * @param aspect of the window, which a photo fills as a poster does: cut at the sides or at the top and bottom
 */
export function viewerSettings(cameras: CameraFile, aspect: number): object {
  const fov = fieldOfView(cameras, aspect);
  const views = cameras.frames.map(({ transform_matrix }) => ({ ...viewOf(transform_matrix), fov }));
  const start = views[bestIndex(cameras)];
  const path = everyNth(views, Math.ceil(views.length / MAX_KEYFRAMES));
  return {
    version: 2,
    tonemapping: "none",
    highPrecisionRendering: false,
    background: { color: [0.07, 0.07, 0.08] },
    postEffectSettings: {
      sharpness: { enabled: false, amount: 0 },
      bloom: { enabled: false, intensity: 1, blurLevel: 2 },
      grading: { enabled: false, brightness: 1, contrast: 1, saturation: 1, tint: [1, 1, 1] },
      vignette: { enabled: false, intensity: 0.5, inner: 0.3, outer: 0.75, curvature: 1 },
      fringing: { enabled: false, intensity: 0.5 },
    },
    animTracks: path.length < 3 ? [] : [flyThrough(path)],
    cameras: start === undefined ? [] : [{ initial: start }],
    annotations: [],
    startMode: "default",
  };
}

/** A camera's view in the viewer's axes: x to the left of the capture's, y up. */
function viewOf(matrix: readonly (readonly number[])[]): Pick<View, "position" | "target"> {
  const position = column(matrix, 3);
  const backwards = column(matrix, 2);
  // Where the view axis passes closest to the subject, but in front of the camera.
  const distance = Math.max(0.1, dot(backwards, position));
  const target = position.map((value, axis) => value - distance * (backwards[axis] ?? 0)) as Point;
  return { position: toViewer(position), target: toViewer(target) };
}

/**
 * The viewer counts it along the window's longer side. A photo fills the window. Of an upright one, a wide window would
 * show a strip only: there, most of its height is seen. What is beside it is in other photos, as captures move
 * sideways.
 */
function fieldOfView({ fl_x, fl_y, w, h }: CameraFile, aspect: number): number {
  const height = h / (2 * fl_y);
  const filled = Math.min(height, w / (2 * fl_x) / aspect);
  const tangent = aspect < WIDE_WINDOW ? filled : Math.max(filled, LEAST_HEIGHT * height);
  return (2 * Math.atan(tangent * Math.max(1, aspect)) * 180) / Math.PI;
}

function bestIndex({ frames }: CameraFile): number {
  const aims = frames.map(({ transform_matrix }) => {
    const position = column(transform_matrix, 3);
    return dot(column(transform_matrix, 2), position) / (Math.hypot(...position) || 1);
  });
  return aims.indexOf(Math.max(...aims));
}

/** The web formats have x right, y down, z forward, and the viewer turns every file by 180° about z. */
function toViewer([x, y, z]: Point): Point {
  return [-x, z, y];
}

function flyThrough(path: readonly View[]) {
  return {
    name: "capture",
    duration: (path.length - 1) * SECONDS_PER_KEYFRAME,
    frameRate: 30,
    loopMode: "pingpong",
    interpolation: "spline",
    smoothness: 1,
    keyframes: {
      times: path.map((_, index) => index * SECONDS_PER_KEYFRAME * 30),
      values: {
        position: path.flatMap(({ position }) => position),
        target: path.flatMap(({ target }) => target),
        fov: path.map(({ fov }) => fov),
      },
    },
  };
}

function everyNth<T>(items: readonly T[], step: number): T[] {
  return items.filter((_, index) => index % Math.max(1, step) === 0);
}

function column(matrix: readonly (readonly number[])[], index: number): Point {
  return [0, 1, 2].map((row) => matrix[row]?.[index] ?? 0) as Point;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
