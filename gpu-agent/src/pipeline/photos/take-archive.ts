import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result, videoOptionsGiven } from "@splatt/shared";
import { freeDiskBytes } from "../../files/disk-usage.ts";
import { SIGNATURE_BYTES, signatureOf } from "../frames/container-signature.ts";
import type { FrameOptions } from "../frames/frame-plan.ts";
import type { FramesConfig } from "../frames/input-video.ts";
import { type DatasetFiles, findDataset } from "../given-poses/find-dataset.ts";
import { takeDataset } from "../given-poses/take-dataset.ts";
import { type Clip, takeScene } from "../scene/take-scene.ts";
import type { StageContext, StageResult } from "../stage.ts";
import { ARCHIVE_LIMITS, type Archive } from "./archive.ts";
import { isClutter, refusal } from "./archive-check.ts";
import { damagedEntry, quoted, readEntry, unpackEntry } from "./archive-entry.ts";
import { openArchive } from "./open-archive.ts";
import type { PhotoFrames } from "./photo-frames.ts";
import { takePhotos } from "./take-photos.ts";

/** More photos are never needed, and would keep the disk busy for an hour. */
const MAX_PHOTOS = 3000;
const MAX_PHOTO_BYTES = 256 * 1024 ** 2;
const MAX_VIDEOS = 16;
/** Videos do not compress further; one that does is a bomb. A small one may be raw. */
const VIDEO_RATIO = 2;
/** The disk keeps this much free space. */
const RESERVE_BYTES = 1024 ** 3;

export interface ArchiveSource {
  /** A zip or tar. */
  readonly file: string;
  readonly options: FrameOptions;
}

/** What the archive's files are, by their first bytes. */
interface Contents {
  readonly dataset: DatasetFiles | null;
  /** Indices of the entries. */
  readonly images: readonly number[];
  readonly videos: readonly number[];
  readonly others: number;
}

/**
 * Makes frames from an archive of photos, of videos, or of both, or from a dataset with camera poses. Nothing is
 * unpacked before the whole listing is judged.
 *
 * Fails with `archive_corrupt`, `archive_unsupported`, `archive_unsafe`, `archive_too_large`, `photos_have_no_time`,
 * `too_few_photos`, `disk_full`, `agent_stopped`, and what `takeScene` and `takeDataset` return.
 */
export async function takeArchive(
  config: FramesConfig,
  { file, options }: ArchiveSource,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  context.report({ fraction: 0, message: "reading the archive" });
  const { size: bytes } = await stat(file);
  const opened = await openArchive(file, context.dir, ARCHIVE_LIMITS, context.signal);
  if (!opened.ok) return opened;
  await using archive = opened.value;
  const refused = refusal(archive.entries, bytes, ARCHIVE_LIMITS);
  if (refused) return err(refused);
  const contents = await inspect(archive, context);
  if (!contents.ok) return contents;
  const { images, videos, dataset } = contents.value;
  if (dataset !== null) {
    const given = videoOptionsGiven(options);
    if (given.length > 0) return err(failure("photos_have_no_time", `Given: ${given.join(", ")}.`));
    return await takeDataset(archive, dataset, images, config, context);
  }
  if (videos.length > 0) return await takeVideos(config, archive, bytes, contents.value, options, context);
  const given = videoOptionsGiven(options);
  if (given.length > 0) return err(failure("photos_have_no_time", `Given: ${given.join(", ")}.`));
  const taken = await takePhotos(archive, images, config, context);
  if (taken.ok || taken.error.code !== "too_few_photos") return taken;
  const others = `The archive has ${contents.value.others} other files.`;
  return err(failure("too_few_photos", `${taken.error.detail} ${others}`));
}

/** Reads the first bytes of each file. */
async function inspect(archive: Archive, context: StageContext): Promise<Result<Contents, Failure>> {
  const images: number[] = [];
  const videos: number[] = [];
  const others = new Map<number, string>();
  for (const [index, { path, kind, size }] of archive.entries.entries()) {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    if (kind !== "file" || size === 0 || isClutter(path)) continue;
    const head = await readEntry(archive, index, SIGNATURE_BYTES);
    if (!head.ok) return damagedEntry(path, head.error);
    const signature = signatureOf(head.value);
    if (signature === "archive") {
      return err(failure("archive_unsupported", `${quoted(path)} is an archive within the archive.`));
    }
    if (signature === "image") {
      if (size > MAX_PHOTO_BYTES) return err(tooLarge(path, size, MAX_PHOTO_BYTES));
      images.push(index);
    } else if (signature === "video") videos.push(index);
    else others.set(index, path);
  }
  if (images.length > MAX_PHOTOS) {
    return err(failure("archive_too_large", `It has ${images.length} photos; ${MAX_PHOTOS} is the limit.`));
  }
  const clips = withoutLivePhotos(archive, images, videos);
  context.log.info(
    { images: images.length, videos: videos.length, clips: clips.length, others: others.size },
    "read the archive",
  );
  const dataset = findDataset(others);
  if (clips.length > MAX_VIDEOS && dataset === null) {
    return err(failure("archive_too_large", `It has ${clips.length} videos; ${MAX_VIDEOS} is the limit.`));
  }
  return ok({ images, videos: clips, others: others.size, dataset });
}

/** The videos without those that belong to a live photo: IMG_1.MOV beside IMG_1.JPG. */
function withoutLivePhotos(
  { entries }: Archive,
  images: readonly number[],
  videos: readonly number[],
): number[] {
  const stem = (index: number) => (entries[index]?.path ?? "").replace(/\.[^./\\]*$/, "").toLowerCase();
  const photos = new Set(images.map(stem));
  return videos.filter((index) => !photos.has(stem(index)));
}

/** Unpacks the videos, and takes frames of them and the photos. */
async function takeVideos(
  config: FramesConfig,
  archive: Archive,
  archiveBytes: number,
  { images, videos }: Contents,
  options: FrameOptions,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  const most = VIDEO_RATIO * archiveBytes + ARCHIVE_LIMITS.freeBytes;
  let total = 0;
  for (const index of videos) {
    const { path = "", size = 0 } = archive.entries[index] ?? {};
    total += size;
    if (total > most) return err(tooLarge(path, total, most));
  }
  if (total + RESERVE_BYTES > (await freeDiskBytes(context.dir))) return err(failure("disk_full", ""));
  const clips: Clip[] = [];
  try {
    for (const [i, index] of videos.entries()) {
      context.report({ fraction: 0, message: `unpacking video ${i + 1} of ${videos.length}` });
      const clip = { path: join(context.dir, `video_${i}`), name: archive.entries[index]?.path ?? "" };
      clips.push(clip);
      const unpacked = await unpackEntry(archive, index, clip.path, context.signal);
      if (!unpacked.ok) return unpacked;
    }
    const photos =
      images.length === 0
        ? null
        : {
            count: images.length,
            take: (maxFrames: number, own: StageContext) =>
              takePhotos(archive, images, { ...config, maxFrames, minFrames: 1 }, own),
          };
    return await takeScene(config, { clips, photos }, options, context);
  } finally {
    for (const { path } of clips) await rm(path, { force: true });
  }
}

function tooLarge(path: string, bytes: number, most: number): Failure {
  const megabytes = (value: number) => (value / 1e6).toFixed(0);
  return failure(
    "archive_too_large",
    `${quoted(path)} has ${megabytes(bytes)} MB; ${megabytes(most)} MB is the limit.`,
  );
}
