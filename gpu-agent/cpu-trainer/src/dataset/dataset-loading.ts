import { join, resolve, sep } from "node:path";
import {
  type Dataset,
  lensOf,
  type Matrix4,
  type PointCloud,
  readDataset,
  readPointCloud,
  type Transforms,
} from "@splatt/formats";
import { type Failure, ok, type Result } from "@splatt/shared/outcomes";
import { intrinsicsOf, pinholeCamera } from "./camera.ts";
import { type DatasetFrame, invalidDataset } from "./dataset-frame.ts";

/** A dataset without its pixels: cameras at the photos' own size, after undistortion. */
export interface LoadedDataset {
  readonly transforms: Transforms;
  readonly train: readonly DatasetFrame[];
  readonly heldOut: readonly DatasetFrame[];
  readonly points: PointCloud;
}

/**
 * Reads and validates everything of a dataset except the photos.
 *
 * @returns `dataset_invalid` with what is wrong
 */
export async function loadDataset(dataset: Dataset): Promise<Result<LoadedDataset, Failure>> {
  const read = await readDataset(dataset);
  if (!read.ok) return read;
  const transforms = read.value;
  const points = await readPointCloud(join(dataset.dir, transforms.ply_file_path));
  if (!points.ok) return invalidDataset(`${transforms.ply_file_path} cannot be read: ${points.error}.`);

  const heldOutNames = new Set(transforms.test_filenames);
  const trainNames = new Set(transforms.train_filenames);
  const root = resolve(dataset.dir);
  const train: DatasetFrame[] = [];
  const heldOut: DatasetFrame[] = [];
  for (const frame of transforms.frames) {
    const path = resolve(root, frame.file_path);
    if (!path.startsWith(root + sep)) return invalidDataset(`${frame.file_path} lies outside the dataset.`);
    if (!frame.transform_matrix.flat().every(Number.isFinite)) {
      return invalidDataset(`The pose of ${frame.file_path} is not made of finite numbers.`);
    }
    if (!isRotation(frame.transform_matrix)) {
      return invalidDataset(
        `The pose of ${frame.file_path} is not a rotation and a position: its axes do not have length 1.`,
      );
    }
    const lens = lensOf(transforms, frame);
    const camera = pinholeCamera(intrinsicsOf(lens), frame.transform_matrix);
    const loaded = { name: frame.file_path, path, camera, lens };
    if (heldOutNames.has(frame.file_path)) heldOut.push(loaded);
    else if (trainNames.has(frame.file_path)) train.push(loaded);
  }
  if (train.length === 0) return invalidDataset("None of the frames is in train_filenames.");
  return ok({ transforms, train, heldOut, points: points.value });
}

/** How far the axes of a pose may be from unit vectors at right angles. Files round their numbers. */
const ROTATION_TOLERANCE = 0.01;

function isRotation([r0, r1, r2]: Matrix4): boolean {
  const columns = [0, 1, 2].map((i) => [r0[i] as number, r1[i] as number, r2[i] as number] as const);
  return columns.every((a, i) =>
    columns.every((b, j) => {
      const product = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
      return Math.abs(product - (i === j ? 1 : 0)) < ROTATION_TOLERANCE;
    }),
  );
}
