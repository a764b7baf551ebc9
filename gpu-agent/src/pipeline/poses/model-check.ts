import { evenly } from "../evenly.ts";
import { type OpenCvCamera, project, toOpenCv } from "./camera-models.ts";
import type { ColmapCamera, ColmapImage, ColmapModel } from "./colmap-model.ts";
import { MAX_REPROJECTION_ERROR, reprojectionError, viewsById } from "./observations.ts";
import type { Size } from "./settings.ts";

/** Limits on the focal length, relative to the longer side: 0.1 is a view of 157°, 10 of 6°. */
const MIN_FOCAL = 0.1;
const MAX_FOCAL = 10;
const UNIT_TOLERANCE = 1e-3;
/** No lens moves the picture's corner farther from its middle than this many times. */
const MAX_STRETCH = 3;

/** COLMAP leaves out what is farther off than `MAX_REPROJECTION_ERROR`; relaxed settings allow a little more. */
const FAR_OFF = 4 * MAX_REPROJECTION_ERROR;
const MIN_SHARE_IN_PLACE = 0.5;
const MAX_SAMPLED_POINTS = 2000;

/** Why a model from a successful run is invalid: the program's fault, or a hopeless capture. */
export interface ModelFault {
  readonly cause: "program" | "capture";
  readonly detail: string;
}

/**
 * Checks a model against the frames that it was made from.
 *
 * @param sizes of the frames, by file name
 * @returns null for a model that can be used
 */
export function modelFault(model: ColmapModel, sizes: ReadonlyMap<string, Size>): ModelFault | null {
  const program = (detail: string): ModelFault => ({ cause: "program", detail });
  const seen = new Set<string>();
  const poses = new Set<string>();
  for (const image of model.images) {
    const size = sizes.get(image.name);
    if (size === undefined)
      return program(`the model has an image ${quoted(image.name)} that is not a frame`);
    if (seen.has(image.name)) return program(`the model has ${image.name} twice`);
    seen.add(image.name);
    if (!isPose(image)) return program(`${image.name} has no finite pose`);
    poses.add([...image.quaternion, ...image.translation].join());
    const camera = model.cameras.get(image.cameraId);
    if (camera === undefined) return program(`${image.name} has no camera`);
    if (camera.width !== size.width || camera.height !== size.height) {
      const detail = `the camera has ${camera.width}×${camera.height} pixels, the frames have ${size.width}×${size.height}`;
      return program(detail);
    }
  }
  // Frames with identical poses are copies; a standing camera may have some.
  if (model.images.length > 1 && poses.size <= model.images.length / 2) {
    return {
      cause: "capture",
      detail: `${model.images.length} frames have only ${poses.size} different poses`,
    };
  }
  if (model.points.some(({ position, error }) => ![...position, error].every(Number.isFinite)))
    return program("the model has points without a finite position");
  const used = new Set(model.images.map(({ cameraId }) => cameraId));
  for (const camera of model.cameras.values()) {
    const fault = used.has(camera.id) ? cameraFault(camera) : null;
    if (fault !== null) return fault;
  }
  const share = shareInPlace(model);
  if (share >= MIN_SHARE_IN_PLACE) return null;
  const percent = Math.round(100 * share);
  return program(`only ${percent} % of the model's points appear where the frames have them`);
}

/** The share of a sample of the observations whose point appears near the feature, and before the camera. */
function shareInPlace(model: ColmapModel): number {
  const views = viewsById(model);
  if (views.size === 0) return 1;
  const sampled = evenly(model.points, MAX_SAMPLED_POINTS);
  let [observations, inPlace] = [0, 0];
  for (const { position, track } of sampled) {
    for (let i = 0; i < track.length; i += 2) {
      const view = views.get(track[i] ?? 0);
      const error = view ? reprojectionError(view, position, track[i + 1] ?? 0) : Number.POSITIVE_INFINITY;
      observations++;
      if (error <= FAR_OFF) inPlace++;
    }
  }
  return observations === 0 ? 1 : inPlace / observations;
}

function isPose({ quaternion, translation }: ColmapImage): boolean {
  return (
    Math.abs(Math.hypot(...quaternion) - 1) < UNIT_TOLERANCE &&
    translation.every((value) => Number.isFinite(value))
  );
}

function cameraFault(camera: ColmapCamera): ModelFault | null {
  const { width, height } = camera;
  if (!camera.params.every((value) => Number.isFinite(value)))
    return { cause: "program", detail: "the camera has parameters that are not finite" };
  const lens = toOpenCv(camera);
  if (lens === null) return null;
  const longSide = Math.max(width, height);
  for (const focal of [lens.fx, lens.fy]) {
    if (focal >= MIN_FOCAL * longSide && focal <= MAX_FOCAL * longSide) continue;
    const detail = `a focal length of ${focal.toPrecision(4)} pixels for frames of ${width}×${height}, which no lens has`;
    return { cause: "capture", detail };
  }
  if (lens.cx < 0 || lens.cx > width || lens.cy < 0 || lens.cy > height)
    return { cause: "capture", detail: "an optical axis outside the picture" };
  // Beyond this radius the distortion folds back, and two directions map to one pixel.
  const radius = Math.min(width / lens.fx, height / lens.fy) / 2;
  const slope = 1 + 3 * lens.k1 * radius ** 2 + 5 * lens.k2 * radius ** 4;
  if (slope <= 0) {
    const detail = `a distortion, k1 = ${lens.k1.toPrecision(3)}, that folds the picture`;
    return { cause: "capture", detail };
  }
  return cornerStretch(lens) > MAX_STRETCH
    ? { cause: "capture", detail: "a distortion that tears the picture's corners away" }
    : null;
}

/** How many times as far from the middle the picture's corners appear as without distortion: the most of the four. */
function cornerStretch(lens: OpenCvCamera): number {
  const [u, v] = [lens.width / lens.fx / 2, lens.height / lens.fy / 2];
  const stretches = [-u, u].flatMap((x) =>
    [-v, v].map((y) => {
      const [column, row] = project(lens, [x, y, 1]) ?? [Number.POSITIVE_INFINITY, 0];
      return Math.hypot((column - lens.cx) / lens.fx, (row - lens.cy) / lens.fy) / Math.hypot(u, v);
    }),
  );
  return Math.max(...stretches);
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
