import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Dataset, Transforms } from "@splatt/formats";
import { DATASET_DIR } from "./run-layout.ts";

/**
 * Our transforms.json, adapted to nerfstudio 1.1.5. Images and points stay in place and are referenced by absolute
 * paths.
 *
 * `applied_scale` is left out: nerfstudio would apply it to the points of sparse_pc.ply once more, but not to the
 * cameras. `applied_transform` would only change a report.
 *
 * @param seeds whether training starts from the sparse points. Without them the model can be loaded, and
 *   exported, on a machine without a GPU.
 */
export function datasetView(transforms: Transforms, dataset: Dataset, seeds: boolean): object {
  const place = (file: string) => resolve(dataset.dir, file);
  const { applied_scale, applied_transform, ply_file_path, ...camera } = transforms;
  return {
    ...camera,
    frames: transforms.frames.map((frame) => ({ ...frame, file_path: place(frame.file_path) })),
    train_filenames: transforms.train_filenames.map(place),
    val_filenames: transforms.val_filenames.map(place),
    test_filenames: transforms.test_filenames.map(place),
    ...(seeds ? { ply_file_path: place(ply_file_path) } : {}),
  };
}

/** Writes the view into the folder in which nerfstudio runs. */
export async function writeDatasetView(
  runDir: string,
  transforms: Transforms,
  dataset: Dataset,
  seeds: boolean,
): Promise<void> {
  const dir = join(runDir, DATASET_DIR);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, "transforms.json"),
    JSON.stringify(datasetView(transforms, dataset, seeds), null, 1),
  );
}
