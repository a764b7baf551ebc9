import { type FileHandle, open } from "node:fs/promises";
import { type Failure, failure } from "@splatt/shared";
import { declaredEnd } from "./declared-end.ts";
import { readIsoMovie } from "./iso-media.ts";
import { MIN_DECODED_SHARE } from "./judge-frames.ts";

/** ffprobe's messages about files that end in the middle of their header. */
const WHY = "the recording or the copy was cut off.";
const ENDS_EARLY = /End of file|ended prematurely|partial file|Truncating packet/;

/**
 * Why ffprobe cannot read a file that begins like a video, when the reason is that the file was cut off.
 *
 * @param words what ffprobe said
 */
export async function cutShort(path: string, words: string): Promise<Failure | null> {
  await using file = await open(path);
  const short = await missingBytes(file);
  if (short !== null) return short.failure;
  const { cutOff } = await readIsoMovie(file);
  return cutOff || ENDS_EARLY.test(words)
    ? failure("video_corrupt", `The file ends within its header: ${WHY}`)
    : null;
}

/** The failure of a file that has less than half of the bytes that its container declares. */
export async function mostIsMissing(path: string): Promise<Failure | null> {
  await using file = await open(path);
  const short = await missingBytes(file);
  return short !== null && short.share < MIN_DECODED_SHARE ? short.failure : null;
}

async function missingBytes(file: FileHandle): Promise<{ share: number; failure: Failure } | null> {
  const [{ size }, end] = await Promise.all([file.stat(), declaredEnd(file)]);
  if (end === null || end <= size) return null;
  const detail = `The file ends after ${size} of its ${end} bytes: ${WHY}`;
  return { share: size / end, failure: failure("video_corrupt", detail) };
}
