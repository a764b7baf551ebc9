import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  err,
  errorText,
  type Failure,
  failure,
  ok,
  printable,
  type Result,
  videoOptionsGiven,
} from "@splatt/shared";
import { SIGNATURE_BYTES, signatureOf } from "../frames/container-signature.ts";
import type { FrameLimits, FrameOptions } from "../frames/frame-plan.ts";
import { frameSize } from "../frames/frame-size.ts";
import type { StageContext, StageResult } from "../stage.ts";
import { ARCHIVE_LIMITS, type Archive } from "./archive.ts";
import { isClutter, refusal } from "./archive-check.ts";
import { type ChosenPhotos, choosePhotos, type Photo } from "./choose-photos.ts";
import { type EncodedPhoto, PhotoDecoder } from "./decode-photos.ts";
import { openArchive } from "./open-archive.ts";
import type { PhotoCamera, PhotoFrames } from "./photo-frames.ts";

/** More are never needed, and would keep the disk busy for an hour. */
const MAX_PHOTOS = 3000;
/** The share of the stage's time that reading the archive's listing takes. */
const LISTING_SHARE = 0.05;
const MAX_NAMED = 3;
/** Photos that one start of the decoder decodes. */
const BATCH = 8;
const BATCH_BYTES = 64 * 1024 ** 2;

type Limits = Pick<FrameLimits, "maxLongSide" | "minFrames" | "maxFrames">;

export interface PhotoSource {
  /** A zip or tar. */
  readonly file: string;
  readonly bytes: number;
  readonly options: FrameOptions;
}

/** What the archive's files are, by their first bytes. */
interface Contents {
  /** Indices of the entries. */
  readonly images: readonly number[];
  readonly videos: number;
  readonly others: number;
}

/**
 * Makes frames from an archive of photos. Nothing is unpacked before the whole listing is judged; then one photo at a
 * time is, under a name of ours.
 *
 * Fails with `archive_corrupt`, `archive_unsupported`, `archive_unsafe`, `archive_too_large`, `photos_have_no_time`,
 * `too_few_photos`, `disk_full` and `agent_stopped`.
 */
export async function takePhotos(
  limits: Limits,
  source: PhotoSource,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  const given = videoOptionsGiven(source.options);
  if (given.length > 0) return err(failure("photos_have_no_time", `Given: ${given.join(", ")}.`));
  context.report({ fraction: 0, message: "reading the archive" });
  const opened = await openArchive(source.file, context.dir, ARCHIVE_LIMITS, context.signal);
  if (!opened.ok) return opened;
  await using archive = opened.value;
  const refused = refusal(archive.entries, source.bytes, ARCHIVE_LIMITS);
  if (refused) return err(refused);
  const contents = await inspect(archive, context);
  if (!contents.ok) return contents;
  const decoded = await decodeAll(archive, contents.value.images, limits, context);
  if (!decoded.ok) return decoded;
  const { photos, unusable } = decoded.value;
  const chosen = choosePhotos(photos, limits);
  context.log.info({ decoded: photos.length, unusable: unusable.length, ...chosen }, "chose the photos");
  const notes = notesOn(photos.length, chosen, unusable);
  if (chosen.photos.length < limits.minFrames) {
    return err(failure("too_few_photos", shortage(contents.value, chosen, notes)));
  }
  await keepPhotos(context.dir, photos.length, chosen.photos);
  const frames = describeFrames(chosen, photos, notes, limits.maxLongSide);
  const message = [`${frames.count} photos of ${cameraCount(frames.cameras.length)}`, ...notes].join(". ");
  context.report({ fraction: 1, message });
  return ok(frames);
}

/** Reads the first bytes of each file. */
async function inspect(archive: Archive, context: StageContext): Promise<Result<Contents, Failure>> {
  const images: number[] = [];
  let [videos, others] = [0, 0];
  for (const [index, { path, kind, size }] of archive.entries.entries()) {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    if (kind !== "file" || size === 0 || isClutter(path)) continue;
    const head = await readEntry(archive, index, SIGNATURE_BYTES);
    if (!head.ok) return damaged(path, head.error);
    const signature = signatureOf(head.value);
    if (signature === "archive") {
      return err(failure("archive_unsupported", `${quoted(path)} is an archive within the archive.`));
    }
    if (signature === "image") images.push(index);
    else if (signature === "video") videos++;
    else others++;
  }
  if (images.length > MAX_PHOTOS) {
    return err(failure("archive_too_large", `It has ${images.length} photos; ${MAX_PHOTOS} is the limit.`));
  }
  context.log.info({ images: images.length, videos, others }, "read the archive");
  return ok({ images, videos, others });
}

/** @returns an entry's bytes, or only the first ones, or what is wrong with it */
async function readEntry(archive: Archive, index: number, most?: number): Promise<Result<Buffer, string>> {
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of await archive.read(index)) {
      chunks.push(chunk);
      length += chunk.length;
      if (most !== undefined && length >= most) break;
    }
    return ok(Buffer.concat(chunks).subarray(0, most));
  } catch (error) {
    return err(errorText(error));
  }
}

interface DecodedSet {
  /** Each is in the file `candidate(index)`. */
  readonly photos: readonly Photo[];
  /** Why others could not be used. */
  readonly unusable: readonly string[];
}

async function decodeAll(
  archive: Archive,
  images: readonly number[],
  { maxLongSide }: Limits,
  context: StageContext,
): Promise<Result<DecodedSet, Failure>> {
  const photos: Photo[] = [];
  const unusable: string[] = [];
  if (images.length === 0) return ok({ photos, unusable });
  const decoder = await PhotoDecoder.start(maxLongSide, context);
  for (let done = 0; done < images.length; ) {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    const batch: (EncodedPhoto & { readonly path: string })[] = [];
    let bytes = 0;
    while (batch.length < BATCH && bytes < BATCH_BYTES && done < images.length) {
      const index = images[done++] ?? 0;
      const path = archive.entries[index]?.path ?? "";
      const read = await readEntry(archive, index);
      if (!read.ok) return damaged(path, read.error);
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
      fraction: LISTING_SHARE + ((1 - LISTING_SHARE) * done) / images.length,
      message: `decoding photos: ${done} of ${images.length}`,
    });
  }
  for (const reason of unusable) context.toolOutput(`left out ${reason}`);
  return ok({ photos, unusable });
}

function damaged(path: string, detail: string): Result<never, Failure> {
  return err(failure("archive_corrupt", `${quoted(path)}: ${printable(detail)}`));
}

function candidate(dir: string, index: number): string {
  return join(dir, `photo_${index}.jpg`);
}

/** Renames the chosen photos to frame_00001.jpg and so on, and removes the others. */
async function keepPhotos(dir: string, count: number, chosen: readonly number[]): Promise<void> {
  for (const [i, index] of chosen.entries()) {
    await rename(candidate(dir, index), join(dir, `frame_${String(i + 1).padStart(5, "0")}.jpg`));
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
    order,
    notes: [...notes],
  };
}

function notesOn(decoded: number, chosen: ChosenPhotos, unusable: readonly string[]): string[] {
  const notes: string[] = [];
  const left = (count: number, why: string) => {
    if (count > 0) notes.push(`Photos left out because ${why}: ${count}.`);
  };
  if (unusable.length > 0) {
    const named = unusable.slice(0, MAX_NAMED).join("; ");
    const more = unusable.length > MAX_NAMED ? ` and ${unusable.length - MAX_NAMED} more` : "";
    notes.push(
      `${unusable.length} of ${decoded + unusable.length} photos could not be used (${named}${more}).`,
    );
  }
  left(chosen.repeats, "they show the same as another");
  left(chosen.blurred, "they are blurred beside their neighbours");
  left(chosen.small, "they are much smaller than the others");
  left(chosen.surplus, `${chosen.photos.length} is the limit`);
  return notes;
}

function shortage(
  { images, videos, others }: Contents,
  chosen: ChosenPhotos,
  notes: readonly string[],
): string {
  const held = `The archive holds ${images.length} photos, ${videos} videos and ${others} other files.`;
  return [held, `${chosen.photos.length} photos are usable.`, ...notes].join(" ");
}

function cameraCount(count: number): string {
  return count === 1 ? "one camera" : `${count} cameras, lenses or sizes`;
}

function quoted(path: string): string {
  return JSON.stringify(printable(path, 100));
}
