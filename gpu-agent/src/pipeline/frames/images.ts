import { open } from "node:fs/promises";
import { type Failure, failure } from "@splatt/shared";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "./container-signature.ts";
import { isMotionJpeg } from "./motion-jpeg.ts";

/** How many bytes of a photo are searched for an appended clip. */
const MAX_PHOTO_BYTES = 64 * 1_048_576;
/** Markers that Google's, Samsung's and other cameras write into such photos. */
const MOTION_PHOTO_MARKS = ["MotionPhoto", "MicroVideo", "MotionPhoto_Data", "mpvd", "ftypmp4", "ftypisom"];

/** @returns what kind of image the file is, as a failure; null when its first bytes are not an image's */
export async function imageFailure(file: string): Promise<Failure | null> {
  const signature = await readSignature(file);
  if (signature === "animation") return failure("image_animated", "");
  if (signature !== "image") return null;
  return failure((await holdsClip(file)) ? "image_motion_photo" : "image_still", "");
}

async function holdsClip(file: string): Promise<boolean> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  const bytes = Buffer.alloc(Math.min(size, MAX_PHOTO_BYTES));
  await handle.read(bytes, 0, bytes.length, 0);
  // The brand of the file itself is not an appended clip.
  return MOTION_PHOTO_MARKS.some((mark) => bytes.indexOf(mark, 16) >= 0);
}

export async function readSignature(file: string): Promise<Signature> {
  await using handle = await open(file);
  const head = Buffer.alloc(SIGNATURE_BYTES);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const signature = signatureOf(head.subarray(0, bytesRead));
  return signature === "image" && (await isMotionJpeg(handle)) ? "bare-stream" : signature;
}
