import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { Archive } from "../photos/archive.ts";
import { damagedEntry, quoted, readEntry } from "../photos/archive-entry.ts";
import { toOpenCv } from "../poses/camera-models.ts";
import { type ColmapModel, parseCameras, parseImages, parsePoints } from "../poses/colmap-model.ts";
import { readCamerasText, readImagesText, readPointsText } from "./colmap-text.ts";
import type { DatasetFiles } from "./find-dataset.ts";
import { modelOfTransforms, readTransformsFile, type SizeOf } from "./read-transforms.ts";

/** Of each file with poses. */
const MAX_FILE_BYTES = 256 * 1024 ** 2;
const MAX_IMAGES = 10_000;

/** Camera poses that came with the images. */
export interface PosedSet {
  /** As a person calls it. */
  readonly kind: "transforms.json" | "COLMAP model";
  /** The names of its images. */
  readonly names: readonly string[];
  /** The model of those images that have a size. @returns a sentence on what is wrong */
  model(sizeOf: SizeOf): Result<ColmapModel, string>;
}

/** @returns or `archive_corrupt` or `dataset_unreadable` */
export async function readDataset(archive: Archive, files: DatasetFiles): Promise<Result<PosedSet, Failure>> {
  if (files.kind === "transforms") {
    const text = await readText(archive, files.file);
    if (!text.ok) return text;
    const file = readTransformsFile(text.value);
    if (!file.ok) return err(failure("dataset_unreadable", file.error));
    return ok({
      kind: "transforms.json",
      names: file.value.frames.map(({ file_path }) => file_path),
      model: (sizeOf) => modelOfTransforms(file.value, sizeOf),
    });
  }
  const model =
    files.format === "bin" ? await readBinary(archive, files) : await readModelText(archive, files);
  if (!model.ok) return model;
  const { cameras, images, points } = model.value;
  if (images.length > MAX_IMAGES) {
    return err(failure("dataset_unreadable", `It has ${images.length} images; ${MAX_IMAGES} is the limit.`));
  }
  const unknown = images.find(({ cameraId }) => {
    const camera = cameras.get(cameraId);
    return camera === undefined || toOpenCv(camera) === null;
  });
  if (unknown !== undefined) {
    return err(failure("dataset_unreadable", `${quoted(unknown.name)} has no camera of a known kind.`));
  }
  return ok({
    kind: "COLMAP model",
    names: images.map(({ name }) => name),
    model: (sizeOf) => ok({ cameras, points, images: images.filter(({ name }) => sizeOf(name) !== null) }),
  });
}

type ColmapFiles = Extract<DatasetFiles, { kind: "colmap" }>;

async function readBinary(
  archive: Archive,
  { cameras, images, points }: ColmapFiles,
): Promise<Result<ColmapModel, Failure>> {
  return readParts(
    await parsed(readBytes(archive, cameras), parseCameras),
    await parsed(readBytes(archive, images), parseImages),
    points === null ? ok([]) : await parsed(readBytes(archive, points), parsePoints),
  );
}

async function readModelText(
  archive: Archive,
  { cameras, images, points }: ColmapFiles,
): Promise<Result<ColmapModel, Failure>> {
  return readParts(
    await parsed(readText(archive, cameras), readCamerasText),
    await parsed(readText(archive, images), readImagesText),
    points === null ? ok([]) : await parsed(readText(archive, points), readPointsText),
  );
}

function readParts(
  cameras: Result<ColmapModel["cameras"], Failure>,
  images: Result<ColmapModel["images"], Failure>,
  points: Result<ColmapModel["points"], Failure>,
): Result<ColmapModel, Failure> {
  if (!cameras.ok) return cameras;
  if (!images.ok) return images;
  return points.ok ? ok({ cameras: cameras.value, images: images.value, points: points.value }) : points;
}

async function parsed<D, T>(
  read: Promise<Result<D, Failure>>,
  parse: (data: D) => Result<T, string>,
): Promise<Result<T, Failure>> {
  const data = await read;
  if (!data.ok) return data;
  const value = parse(data.value);
  return value.ok ? value : err(failure("dataset_unreadable", value.error));
}

async function readBytes(archive: Archive, index: number): Promise<Result<Buffer, Failure>> {
  const { path = "", size = 0 } = archive.entries[index] ?? {};
  if (size > MAX_FILE_BYTES) {
    const limit = `${MAX_FILE_BYTES / 1024 ** 2} MiB is the limit`;
    return err(failure("dataset_unreadable", `${quoted(path)} is too large; ${limit}.`));
  }
  const bytes = await readEntry(archive, index);
  return bytes.ok ? bytes : damagedEntry(path, bytes.error);
}

async function readText(archive: Archive, index: number): Promise<Result<string, Failure>> {
  const bytes = await readBytes(archive, index);
  return bytes.ok ? ok(bytes.value.toString()) : bytes;
}
