import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { counted, err, type Failure, failure, ok, printable, type Result } from "@splatt/shared";
import { frameName } from "../frames/frame-name.ts";
import type { FrameLimits } from "../frames/frame-plan.ts";
import { frameSize } from "../frames/frame-size.ts";
import type { StageContext, StageResult } from "../stage.ts";
import type { Archive } from "./archive.ts";
import { damagedEntry, quoted, readEntry } from "./archive-entry.ts";
import { type ChosenPhotos, choosePhotos, type Photo } from "./choose-photos.ts";
import { type EncodedPhoto, PhotoDecoder, type PhotoDecoding } from "./decode-photos.ts";
import type { PhotoCamera, PhotoFrames } from "./photo-frames.ts";

const MAX_NAMED = 3;
/** Photos that one start of the decoder decodes. */
const BATCH = 8;
const BATCH_BYTES = 64 * 1024 ** 2;

export type PhotoLimits = Pick<FrameLimits, "maxLongSide" | "minFrames" | "maxFrames">;

/**
 * Makes frames from photos of an archive: one at a time is unpacked, under a name of ours.
 *
 * @param images indices of the archive's entries
 * @returns `archive_corrupt`, `too_few_photos`, `disk_full` or `agent_stopped`
 */
export async function takePhotos(
  archive: Archive,
  images: readonly number[],
  limits: PhotoLimits,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  const decoded = await decodeAll(archive, images, limits, context);
  if (!decoded.ok) return decoded;
  const { photos, unusable } = decoded.value;
  const chosen = choosePhotos(photos, limits);
  context.log.info({ decoded: photos.length, unusable: unusable.length, ...chosen }, "chose the photos");
  const notes = notesOn(photos.length, chosen, unusable);
  if (chosen.photos.length < limits.minFrames) {
    const found = `The archive holds ${counted(images.length, "photo")}, of which ${chosen.photos.length} can be used.`;
    return err(failure("too_few_photos", [found, ...notes].join(" ")));
  }
  await keepPhotos(context.dir, photos.length, chosen.photos);
  const frames = describeFrames(chosen, photos, notes, limits.maxLongSide);
  const message = [`${frames.count} photos of ${cameraCount(frames.cameras.length)}`, ...notes].join(". ");
  context.report({ fraction: 1, message });
  return ok(frames);
}

interface DecodedSet {
  /** Each is in the file `candidate(index)`. */
  readonly photos: readonly Photo[];
  /** Why others could not be used. */
  readonly unusable: readonly string[];
}

/** Decodes photos in batches, each to the file `candidate(index)`. */
export async function decodeAll(
  archive: Archive,
  images: readonly number[],
  decoding: PhotoDecoding,
  context: StageContext,
): Promise<Result<DecodedSet, Failure>> {
  const photos: Photo[] = [];
  const unusable: string[] = [];
  if (images.length === 0) return ok({ photos, unusable });
  const decoder = await PhotoDecoder.start(decoding, context);
  for (let done = 0; done < images.length; ) {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    const batch: (EncodedPhoto & { readonly path: string })[] = [];
    let bytes = 0;
    while (batch.length < BATCH && bytes < BATCH_BYTES && done < images.length) {
      const index = images[done++] ?? 0;
      const path = archive.entries[index]?.path ?? "";
      const read = await readEntry(archive, index);
      if (!read.ok) return damagedEntry(path, read.error);
      bytes += read.value.length;
      batch.push({ path, bytes: read.value, to: candidate(context.dir, photos.length + batch.length) });
    }
    const decoded = await decoder.decode(batch);
    if (!decoded.ok) return decoded;
    for (const [i, { path, to }] of batch.entries()) {
      const photo = decoded.value[i];
      if (photo?.ok !== true) {
        unusable.push(`${quoted(path)}: ${photo?.error}`);
        continue;
      }
      // After one that is left out, those that follow move up.
      await rename(to, candidate(context.dir, photos.length));
      photos.push({ ...photo.value, path });
    }
    context.report({
      fraction: done / images.length,
      message: `decoding photos: ${done} of ${images.length}`,
    });
  }
  for (const reason of unusable) context.toolOutput(`left out ${reason}`);
  return ok({ photos, unusable });
}

export function candidate(dir: string, index: number): string {
  return join(dir, `photo_${index}.jpg`);
}

/** Renames the chosen photos to the frames' names, and removes the others. */
async function keepPhotos(dir: string, count: number, chosen: readonly number[]): Promise<void> {
  for (const [i, index] of chosen.entries()) {
    await rename(candidate(dir, index), join(dir, frameName(i)));
  }
  for (let index = 0; index < count; index++) await rm(candidate(dir, index), { force: true });
}

/** Groups the frames by camera: one for each camera, lens setting and size of picture. */
function describeFrames(
  { photos: chosen, order }: ChosenPhotos,
  photos: readonly Photo[],
  notes: readonly string[],
  maxLongSide: number,
): PhotoFrames {
  const cameras = new Map<string, PhotoCamera & { readonly index: number }>();
  const frames = chosen.map((index) => {
    const { path, details, ...shown } = photos[index] as Photo;
    const { width, height } = frameSize(shown, maxLongSide);
    const focal = details.focal === null ? null : details.focal * Math.hypot(width, height);
    const key = JSON.stringify([details.camera, focal, width, height]);
    const camera = cameras.get(key) ?? { width, height, focal, index: cameras.size };
    cameras.set(key, camera);
    return { camera: camera.index, path: printable(path), position: details.position };
  });
  return {
    count: frames.length,
    cameras: [...cameras.values()].map(({ index, ...camera }) => camera),
    photos: frames,
    videos: [],
    order,
    notes: [...notes],
  };
}

function notesOn(decoded: number, chosen: ChosenPhotos, unusable: readonly string[]): string[] {
  const notes: string[] = [];
  const left = (count: number, why: string) => {
    if (count > 0) notes.push(`Photos left out because ${why}: ${count}.`);
  };
  if (unusable.length > 0) notes.push(leftOutNote(decoded, unusable));
  left(chosen.repeats, "they show the same as another");
  left(chosen.blurred, "they are more blurred than their neighbours");
  left(chosen.small, "they are much smaller than the others");
  left(chosen.surplus, `${chosen.photos.length} is the limit`);
  return notes;
}

export function leftOutNote(decoded: number, unusable: readonly string[]): string {
  const named = unusable.slice(0, MAX_NAMED).join("; ");
  const more = unusable.length > MAX_NAMED ? ` and ${unusable.length - MAX_NAMED} more` : "";
  return `${unusable.length} of ${decoded + unusable.length} photos could not be used (${named}${more}).`;
}

function cameraCount(count: number): string {
  return count === 1 ? "one camera" : `${count} cameras, lenses or sizes`;
}
