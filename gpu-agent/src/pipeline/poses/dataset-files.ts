import type { Lens, PosedFrame, Transforms } from "@splatt/formats";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { toOpenCv } from "./camera-models.ts";
import type { ColmapCamera, ColmapModel } from "./colmap-model.ts";
import { splitFrames } from "./held-out.ts";
import { applySimilarity, cameraPose, normalizingSimilarity, type Similarity } from "./normalize.ts";
import { apply, scale, type Vector3 } from "./vectors.ts";

/**
 * transforms.json for a COLMAP model. Near-duplicates are detected from the cameras alone; see `splitFrames`.
 *
 * @param sources what images were made from, by the images' names
 * @param up see `normalizingSimilarity`
 * @returns `colmap_failed` when the model has a camera of a kind that we do not know
 */
export function transformsOf(
  model: ColmapModel,
  sources: ReadonlyMap<string, Pick<PosedFrame, "photo" | "video">> = new Map(),
  up?: Vector3,
): Result<Transforms, Failure> {
  const images = model.images.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lenses = new Map<number, Lens>();
  for (const { cameraId } of images) {
    const camera = model.cameras.get(cameraId);
    const lens = camera && lensOfCamera(camera);
    if (!lens) return err(failure("colmap_failed", `Camera ${cameraId} of the model is of an unknown kind.`));
    lenses.set(cameraId, lens);
  }
  const isShared = lenses.size === 1;
  const similarity = normalizingSimilarity(model, up);
  const frames = images.map((image): PosedFrame => {
    const pose = cameraPose(image);
    const right = apply(similarity.rotation, pose.right);
    const up = apply(similarity.rotation, pose.up);
    const back = scale(apply(similarity.rotation, pose.forward), -1);
    const position = applySimilarity(similarity, pose.position);
    return {
      file_path: `images/${image.name}`,
      transform_matrix: [
        [right[0], up[0], back[0], position[0]],
        [right[1], up[1], back[1], position[1]],
        [right[2], up[2], back[2], position[2]],
        [0, 0, 0, 1],
      ],
      colmap_im_id: image.id,
      ...sources.get(image.name),
      ...(isShared ? {} : lenses.get(image.cameraId)),
    };
  });
  const [first] = lenses.values();
  return ok({
    camera_model: "OPENCV",
    ...(isShared ? first : {}),
    frames,
    ...splitFrames(frames),
    applied_transform: matrixOf(similarity),
    applied_scale: 1,
    ply_file_path: "sparse_pc.ply",
  });
}

/** @returns null for a camera of an unknown kind */
function lensOfCamera(camera: ColmapCamera): Lens | null {
  const openCv = toOpenCv(camera);
  if (openCv === null) return null;
  const { width, height, fx, fy, cx, cy, k1, k2, p1, p2 } = openCv;
  return { w: width, h: height, fl_x: fx, fl_y: fy, cx, cy, k1, k2, p1, p2 };
}

function matrixOf({ rotation, scale: factor, translation }: Similarity): Transforms["applied_transform"] {
  const row = (i: 0 | 1 | 2): [number, number, number, number] => {
    const [x, y, z] = scale(rotation[i], factor);
    return [x, y, z, translation[i]];
  };
  return [row(0), row(1), row(2)];
}

/** p = applied_scale · (applied_transform · p_colmap). */
export function toDatasetFrame(transforms: Transforms, [x, y, z]: Vector3): Vector3 {
  const component = ([a, b, c, d]: readonly [number, number, number, number]) =>
    transforms.applied_scale * (a * x + b * y + c * z + d);
  const [first, second, third] = transforms.applied_transform;
  return [component(first), component(second), component(third)];
}

/** sparse_pc.ply: COLMAP's points with their colours, in the frame of transforms.json. */
export function sparsePointCloud(model: ColmapModel, transforms: Transforms): string {
  const lines = [
    "ply",
    "format ascii 1.0",
    `element vertex ${model.points.length}`,
    ...["x", "y", "z"].map((name) => `property float ${name}`),
    ...["red", "green", "blue"].map((name) => `property uchar ${name}`),
    "end_header",
    ...model.points.map(({ position, colour }) => {
      const place = toDatasetFrame(transforms, position).map((value) => value.toPrecision(8));
      return [...place, ...colour].join(" ");
    }),
  ];
  return `${lines.join("\n")}\n`;
}
