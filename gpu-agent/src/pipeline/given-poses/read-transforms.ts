import { err, errorText, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import type { ColmapCamera, ColmapImage, ColmapModel } from "../poses/colmap-model.ts";
import {
  apply,
  cross,
  dot,
  length,
  type Matrix3,
  quaternionOf,
  scale,
  type Vector3,
} from "../poses/vectors.ts";

const MAX_FRAMES = 10_000;
/** How far a rotation may be from orthonormal. Some files store few digits. */
const ROTATION_TOLERANCE = 0.01;
/** A distortion of higher order that moves no point of the picture by more pixels is left out. */
const NEGLIGIBLE_PIXELS = 1;
/** The models that OpenCV's lens covers. */
const CAMERA_MODELS = new Set([
  "OPENCV",
  "PINHOLE",
  "SIMPLE_PINHOLE",
  "SIMPLE_RADIAL",
  "RADIAL",
  "PERSPECTIVE",
]);

const Row = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const Lens = z.object({
  w: z.number().positive().max(100_000).optional(),
  h: z.number().positive().max(100_000).optional(),
  fl_x: z.number().positive().optional(),
  fl_y: z.number().positive().optional(),
  cx: z.number().optional(),
  cy: z.number().optional(),
  k1: z.number().optional(),
  k2: z.number().optional(),
  k3: z.number().optional(),
  k4: z.number().optional(),
  p1: z.number().optional(),
  p2: z.number().optional(),
  /** Radians. */
  camera_angle_x: z.number().positive().lt(Math.PI).optional(),
  camera_angle_y: z.number().positive().lt(Math.PI).optional(),
  camera_model: z.string().max(100).optional(),
});
type Lens = z.infer<typeof Lens>;

const Frame = Lens.extend({
  file_path: z.string().min(1).max(1024),
  transform_matrix: z.union([z.tuple([Row, Row, Row]), z.tuple([Row, Row, Row, Row])]),
});

const TransformsFile = Lens.extend({ frames: z.array(Frame).min(1).max(MAX_FRAMES) });
export type TransformsFile = z.infer<typeof TransformsFile>;

/** Looks up an image and its size. @returns null for one that is missing */
export type SizeOf = (name: string) => { readonly width: number; readonly height: number } | null;

/** @returns a sentence on what is wrong */
export function readTransformsFile(text: string): Result<TransformsFile, string> {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    return err(`transforms.json is not JSON: ${errorText(error)}.`);
  }
  const file = TransformsFile.safeParse(json);
  if (file.success) return ok(file.data);
  const [issue] = file.error.issues;
  return err(`transforms.json: ${issue?.path.join(".")}: ${issue?.message}.`);
}

/**
 * The cameras of a transforms.json, of nerfstudio or of the programs that it follows, as a COLMAP model without
 * points. An image's name is its `file_path`. Intrinsics are in pixels of the size that the file states, or of the
 * image.
 *
 * @param sizeOf images for which it returns null are left out
 * @returns a sentence on what is wrong
 */
export function modelOfTransforms(file: TransformsFile, sizeOf: SizeOf): Result<ColmapModel, string> {
  const cameras = new Map<number, ColmapCamera>();
  const known = new Map<string, number>();
  const images: ColmapImage[] = [];
  for (const [index, frame] of file.frames.entries()) {
    const size = sizeOf(frame.file_path);
    if (size === null) continue;
    const what = `transforms.json: ${JSON.stringify(frame.file_path.slice(0, 100))}`;
    const pose = poseOf(frame.transform_matrix);
    if (!pose.ok) return err(`${what} ${pose.error}.`);
    const camera = cameraOf({ ...file, ...ownLens(frame) }, size);
    if (!camera.ok) return err(`${what} ${camera.error}.`);
    const key = JSON.stringify(camera.value);
    const id = known.get(key) ?? known.size + 1;
    known.set(key, id);
    cameras.set(id, { ...camera.value, id });
    images.push({
      ...pose.value,
      id: index + 1,
      cameraId: id,
      name: frame.file_path,
      features: new Float64Array(),
    });
  }
  return ok({ cameras, images, points: [] });
}

function ownLens({ file_path, transform_matrix, ...lens }: z.infer<typeof Frame>): Lens {
  return Object.fromEntries(Object.entries(lens).filter(([, value]) => value !== undefined));
}

/** From a camera-to-world matrix with OpenGL axes: x right, y up, z backwards. */
function poseOf(
  rows: z.infer<typeof Frame>["transform_matrix"],
): Result<Pick<ColmapImage, "quaternion" | "translation">, string> {
  const column = (i: 0 | 1 | 2 | 3): Vector3 => [rows[0][i], rows[1][i], rows[2][i]];
  const [right, up, back, position] = [column(0), column(1), column(2), column(3)];
  const lengths = [right, up, back].map(length);
  const angles = [dot(right, up), dot(up, back), dot(back, right)];
  const isRotation =
    lengths.every((value) => Math.abs(value - 1) < ROTATION_TOLERANCE) &&
    angles.every((value) => Math.abs(value) < ROTATION_TOLERANCE) &&
    dot(cross(right, up), back) > 0;
  if (!isRotation) return err("has a transform_matrix that is not a rotation and a position");
  const rotation: Matrix3 = [right, scale(up, -1), scale(back, -1)];
  const quaternion = quaternionOf(rotation);
  return ok({ quaternion, translation: scale(apply(rotation, position), -1) });
}

function cameraOf(
  lens: Lens,
  size: { width: number; height: number },
): Result<Omit<ColmapCamera, "id">, string> {
  const model = (lens.camera_model ?? "OPENCV").toUpperCase();
  if (!CAMERA_MODELS.has(model)) {
    return err(`has a camera of the model ${model.slice(0, 40)}; only lenses without fisheye are read`);
  }
  const { w: width = size.width, h: height = size.height } = lens;
  const fromAngle = (angle: number | undefined, side: number) =>
    angle === undefined ? undefined : side / 2 / Math.tan(angle / 2);
  const fx =
    lens.fl_x ?? fromAngle(lens.camera_angle_x, width) ?? lens.fl_y ?? fromAngle(lens.camera_angle_y, height);
  if (fx === undefined) return err("has no focal length (fl_x or camera_angle_x)");
  const fy = lens.fl_y ?? fromAngle(lens.camera_angle_y, height) ?? fx;
  const { cx = width / 2, cy = height / 2, k1 = 0, k2 = 0, k3 = 0, k4 = 0, p1 = 0, p2 = 0 } = lens;
  const corner = Math.hypot(width / fx, height / fy) / 2;
  if (Math.max(Math.abs(k3) * corner ** 7, Math.abs(k4) * corner ** 9) * fx > NEGLIGIBLE_PIXELS) {
    return err("has a lens distortion with k3 or k4, which is not read");
  }
  return ok({ model: 4, width, height, params: [fx, fy, cx, cy, k1, k2, p1, p2] });
}
