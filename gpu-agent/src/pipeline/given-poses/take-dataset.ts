import { rename } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, printable, type Result } from "@splatt/shared";
import { evenly } from "../evenly.ts";
import { frameName } from "../frames/frame-name.ts";
import type { FrameLimits } from "../frames/frame-plan.ts";
import { frameSize } from "../frames/frame-size.ts";
import { median } from "../median.ts";
import type { Archive } from "../photos/archive.ts";
import { quoted } from "../photos/archive-entry.ts";
import type { Photo } from "../photos/choose-photos.ts";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import { candidate, decodeAll, leftOutNote } from "../photos/take-photos.ts";
import type { ColmapModel } from "../poses/colmap-model.ts";
import { modelFault } from "../poses/model-check.ts";
import { writeModel } from "../poses/model-files.ts";
import { cameraPose } from "../poses/normalize.ts";
import type { StageContext, StageResult } from "../stage.ts";
import { type DatasetFiles, imageFinder } from "./find-dataset.ts";
import { type PosedSet, readDataset } from "./read-dataset.ts";
import { type ImageChange, withImages } from "./with-images.ts";

/** With more missing, the archive is not the one that the poses are of. */
const MAX_MISSING_SHARE = 0.5;
const MAX_NAMED = 3;
/** The two sides of an image must have been scaled by the same factor, but for rounding. */
const SCALE_TOLERANCE = 0.02;

/** Times the median distance of the cameras from their middle. */
const MAX_DISTANCE = 1000;
/** In the dataset's unit: farther away, numbers of double precision are too coarse. */
const FARTHEST = 1e15;

/** The folder of the given COLMAP model, in the frames stage's folder. */
export const GIVEN_DIR = "given";

/**
 * Takes the images of a dataset whose camera poses are known: as they are stored, without choosing among them. The
 * cameras are checked, and written to `GIVEN_DIR` as a COLMAP model of the frames.
 *
 * Fails with `dataset_unreadable`, `dataset_incomplete`, `archive_corrupt`, `too_few_photos`, `disk_full` and
 * `agent_stopped`.
 */
export async function takeDataset(
  archive: Archive,
  files: DatasetFiles,
  images: readonly number[],
  limits: Pick<FrameLimits, "maxLongSide" | "minFrames" | "maxFrames">,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  const read = await readDataset(archive, files);
  if (!read.ok) return read;
  const set = read.value;
  const found = findImages(archive, files, images, set);
  if (!found.ok) return found;
  const { entryOf, notes } = found.value;
  const entries = [...new Set(entryOf.values())];
  const chosen = evenly(entries, limits.maxFrames);
  if (chosen.length < entries.length) {
    notes.push(`Of ${entries.length} images, ${chosen.length} were taken, evenly spread: that is the limit.`);
  }
  const decoded = await decodeAll(archive, chosen, { ...limits, asStored: true }, context);
  if (!decoded.ok) return decoded;
  const { photos, unusable } = decoded.value;
  if (unusable.length > 0) notes.push(leftOutNote(photos.length, unusable));

  const shown = new Map(photos.map((photo, index) => [photo.path, { photo, index }]));
  const shownAs = (name: string) => shown.get(archive.entries[entryOf.get(name) ?? -1]?.path ?? "");
  const given = set.model((name) => shownAs(name)?.photo ?? null);
  if (!given.ok) return err(failure("dataset_unreadable", given.error));
  const changes = changesOf(given.value, shownAs, limits.maxLongSide);
  if (!changes.ok) return changes;
  const model = withImages(given.value, changes.value);
  if (model.images.length < limits.minFrames) {
    const usable = `Of ${set.names.length} images with poses, ${model.images.length} can be used.`;
    return err(failure("too_few_photos", [usable, ...notes].join(" ")));
  }
  const fault = modelFault(model, new Map([...changes.value.values()].map(({ name, size }) => [name, size])));
  const why = fault?.detail ?? farCamera(model, changes.value);
  if (why !== null) return err(failure("dataset_unreadable", `Its ${set.kind} cannot be used: ${why}.`));
  await keep(context.dir, photos.length, model);
  context.report({ fraction: 1, message: [`${photos.length} images with poses`, ...notes].join(". ") });
  return ok(describe(set, model, photos, notes));
}

/** A camera so far from the others that they shrink to a point beside it; null without one. */
function farCamera({ images }: ColmapModel, changes: ReadonlyMap<string, ImageChange>): string | null {
  const places = images.map((image) => cameraPose(image).position);
  const middle = [0, 1, 2].map((axis) => median(places.map((place) => place[axis] ?? 0)));
  const distances = places.map((place) =>
    Math.hypot(...place.map((value, axis) => value - (middle[axis] ?? 0))),
  );
  const limit = MAX_DISTANCE * median(distances);
  const index = distances.findIndex((distance) => (limit > 0 && distance > limit) || !(distance < FARTHEST));
  const far = images[index]?.name;
  const named = [...changes].find(([, { name }]) => name === far);
  return named === undefined ? null : `the camera of ${quoted(named[0])} is too far away to be right`;
}

interface FoundImages {
  /** The archive's entry of each image, by its name in the dataset, in the order of the names. */
  readonly entryOf: ReadonlyMap<string, number>;
  readonly notes: string[];
}

function findImages(
  { entries }: Archive,
  files: DatasetFiles,
  images: readonly number[],
  { kind, names }: PosedSet,
): Result<FoundImages, Failure> {
  const byPath = new Map(images.map((index) => [entries[index]?.path ?? "", index]));
  const file = entries[files.kind === "transforms" ? files.file : files.images]?.path ?? "";
  const find = imageFinder(file.slice(0, file.lastIndexOf("/") + 1), byPath.keys());
  const { compare } = new Intl.Collator("en", { numeric: true });
  const entryOf = new Map<string, number>();
  const missing: string[] = [];
  for (const name of names.toSorted(compare)) {
    const entry = byPath.get(find(name) ?? "");
    if (entry === undefined) missing.push(name);
    else entryOf.set(name, entry);
  }
  if (missing.length === 0) return ok({ entryOf, notes: [] });
  const named = missing.slice(0, MAX_NAMED).map(quoted).join(", ");
  const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : "";
  const note = `${missing.length} of ${names.length} images that the ${kind} names are missing or no pictures: ${named}${more}.`;
  return missing.length > MAX_MISSING_SHARE * names.length
    ? err(failure("dataset_incomplete", note))
    : ok({ entryOf, notes: [note] });
}

type ShownAs = (name: string) => { readonly photo: Photo; readonly index: number } | undefined;

/** @returns or `dataset_unreadable` when an image is not of its camera's shape */
function changesOf(
  { images, cameras }: ColmapModel,
  shownAs: ShownAs,
  maxLongSide: number,
): Result<Map<string, ImageChange>, Failure> {
  const changes = new Map<string, ImageChange>();
  const taken = new Set<number>();
  for (const { name, cameraId } of images) {
    const shown = shownAs(name);
    const camera = cameras.get(cameraId);
    if (shown === undefined || camera === undefined) continue;
    const { photo, index } = shown;
    if (taken.has(index)) return err(failure("dataset_unreadable", `${quoted(name)} has two poses.`));
    taken.add(index);
    const factor = photo.width / camera.width / (photo.height / camera.height);
    if (!(Math.abs(factor - 1) < SCALE_TOLERANCE)) {
      const sizes = `has ${photo.width}×${photo.height} pixels, and its camera ${camera.width}×${camera.height}`;
      return err(failure("dataset_unreadable", `${quoted(name)} ${sizes}.`));
    }
    changes.set(name, { name: frameName(index), size: frameSize(photo, maxLongSide) });
  }
  return ok(changes);
}

async function keep(dir: string, count: number, model: ColmapModel): Promise<void> {
  for (let index = 0; index < count; index++) {
    await rename(candidate(dir, index), join(dir, frameName(index)));
  }
  await writeModel(join(dir, GIVEN_DIR), model);
}

function describe(
  { kind }: PosedSet,
  model: ColmapModel,
  photos: readonly Photo[],
  notes: readonly string[],
): PhotoFrames {
  const cameraIds = [...model.cameras.keys()];
  const byName = new Map(model.images.map((image) => [image.name, image]));
  return {
    count: photos.length,
    cameras: [...model.cameras.values()].map(({ width, height, params }) => ({
      ...{ width, height },
      focal: params[0] ?? null,
    })),
    photos: photos.map(({ path }, index) => ({
      camera: Math.max(0, cameraIds.indexOf(byName.get(frameName(index))?.cameraId ?? 0)),
      path: printable(path),
      position: null,
    })),
    videos: [],
    order: "name",
    notes: [...notes],
    given: kind,
  };
}
