import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared/outcomes";
import { z } from "zod";

const Row4 = z.tuple([z.number(), z.number(), z.number(), z.number()]);
export const Matrix4 = z.tuple([Row4, Row4, Row4, Row4]);
export type Matrix4 = z.infer<typeof Matrix4>;

/** A camera's picture size and its OPENCV intrinsics, all in pixels. */
export const Lens = z.object({
  w: z.int().positive(),
  h: z.int().positive(),
  fl_x: z.number().positive(),
  fl_y: z.number().positive(),
  cx: z.number(),
  cy: z.number(),
  k1: z.number(),
  k2: z.number(),
  p1: z.number(),
  p2: z.number(),
});
export type Lens = z.infer<typeof Lens>;
const PartialLens = Lens.partial();
type PartialLens = z.infer<typeof PartialLens>;

/** One posed image. `transform_matrix` is camera-to-world with OpenGL axes: x right, y up, z backwards. */
export const PosedFrame = PartialLens.extend({
  /** Relative to the folder of transforms.json. */
  file_path: z.string(),
  transform_matrix: Matrix4,
  colmap_im_id: z.int().optional(),
  /** The photo's path in the archive that was sent. */
  photo: z.string().optional(),
  /** The video's name, where several were sent. */
  video: z.string().optional(),
});
export type PosedFrame = z.infer<typeof PosedFrame>;

/**
 * transforms.json as nerfstudio reads it: one shared camera or, for photos of several cameras, one for each frame, and
 * the images' poses. Positions are centred and scaled so that the farthest camera is at distance 1.
 *
 * `applied_transform` (3×4) and `applied_scale` are the similarity from COLMAP's frame into this one:
 * p = applied_scale · (applied_transform · p_colmap). The scale is part of `applied_transform`, whose 3×3 is a
 * rotation times it, and `applied_scale` is 1: nerfstudio multiplies the points of sparse_pc.ply, but not the
 * poses, by any other `applied_scale` once more (nerfstudio_dataparser.py, 1.1.5).
 */
export const Transforms = PartialLens.extend({
  camera_model: z.literal("OPENCV"),
  frames: z.array(PosedFrame).min(1),
  /** The frames for training and for evaluation; nerfstudio uses the same lists. */
  train_filenames: z.array(z.string()),
  val_filenames: z.array(z.string()),
  test_filenames: z.array(z.string()),
  applied_transform: z.tuple([Row4, Row4, Row4]),
  applied_scale: z.number().positive(),
  ply_file_path: z.literal("sparse_pc.ply"),
}).superRefine((transforms, context) => {
  for (const frame of transforms.frames) {
    const lens = Lens.safeParse(ownLens(frame) ?? transforms);
    if (lens.success) continue;
    for (const issue of lens.error.issues)
      context.addIssue({ code: "custom", path: issue.path, message: issue.message });
    return;
  }
});
export type Transforms = z.infer<typeof Transforms>;

/** The part of transforms.json that tells the cameras. */
type Cameras = PartialLens & Pick<Transforms, "frames">;

/** The camera of a frame. */
export function lensOf(transforms: PartialLens, frame: PosedFrame): Lens {
  return Lens.parse(ownLens(frame) ?? transforms);
}

/** The camera with the largest pictures: the only one, unless there are several. */
export function largestLens(transforms: Cameras): Lens {
  const lenses = allLenses(transforms);
  return lenses.reduce((most, lens) => (lens.w * lens.h > most.w * most.h ? lens : most));
}

/** The frames' distinct cameras. */
export function allLenses(transforms: Cameras): [Lens, ...Lens[]] {
  const lenses = transforms.frames.map((frame) => lensOf(transforms, frame));
  const distinct = new Map(lenses.map((lens) => [JSON.stringify(lens), lens]));
  const [first, ...others] = distinct.values();
  return [first ?? Lens.parse(transforms), ...others];
}

/** nerfstudio reads a frame's own camera only when there is no shared one. */
function ownLens(frame: PosedFrame): PosedFrame | null {
  return frame.fl_x === undefined ? null : frame;
}

/**
 * A dataset folder, written by the poses stage and read by every engine:
 * `images/`, `transforms.json`, `sparse_pc.ply` and `colmap/sparse/0/*.bin`.
 */
export interface Dataset {
  readonly dir: string;
  /** The source video, for an engine that starts from it. */
  readonly video?: string;
}

export async function readTransforms(path: string): Promise<Transforms> {
  return Transforms.parse(JSON.parse(await readFile(path, "utf8")));
}

/** The transforms.json of a dataset. @returns or `dataset_invalid` with what is wrong with it */
export async function readDataset(dataset: Dataset): Promise<Result<Transforms, Failure>> {
  try {
    return ok(await readTransforms(join(dataset.dir, "transforms.json")));
  } catch (error) {
    return err(failure("dataset_invalid", `transforms.json cannot be read: ${reasonOf(error)}`));
  }
}

function reasonOf(error: unknown): string {
  const [issue] = error instanceof z.ZodError ? error.issues : [];
  if (issue !== undefined) return `${issue.path.join(".")}: ${issue.message}`;
  return errorText(error);
}
