import { writeFile } from "node:fs/promises";
import { err, errorText, ok, type Result } from "@splatt/shared";
import sharp from "sharp";
import { frameSize } from "../frames/frame-plan.ts";
import { blockMeans } from "../frames/repeats.ts";
import { sharpnessOf } from "../frames/sharpness.ts";
import type { Photo } from "./choose-photos.ts";
import { photoDetails } from "./exif.ts";

/** What sharp calls the formats that photos are taken from; it has decoders for riskier ones too. */
const FORMATS = new Set(["jpeg", "png", "webp", "heif"]);
const MAX_PIXELS = 210_000_000;
const MIN_SIDE = 32;
/** Longer strips are stitched panoramas, which no single lens projects. */
const MAX_ASPECT = 2.5;
const JPEG = { quality: 95, chromaSubsampling: "4:2:0" } as const;
/** Size at which photos are compared: the same for all, whatever their resolution. */
const GREY = { width: 640, height: 480 };

export type DecodedPhoto = Omit<Photo, "path">;

/**
 * Turns a photo upright, converts it to sRGB, scales it down and writes it as a JPEG without metadata.
 *
 * It takes bytes because sharp caches what it reads from a file by the file's name.
 *
 * @returns or why it cannot be used
 */
export async function decodePhoto(
  photo: Buffer,
  to: string,
  maxLongSide: number,
): Promise<Result<DecodedPhoto, string>> {
  try {
    const input = () =>
      sharp(photo, { limitInputPixels: MAX_PIXELS, failOn: "truncated", sequentialRead: true });
    const { format, pages = 1, exif, autoOrient } = await input().metadata();
    const { width, height } = autoOrient;
    if (!FORMATS.has(format)) return err(`${format} is not supported`);
    if (pages > 1 && format !== "heif") return err("it is an animation");
    if (Math.min(width, height) < MIN_SIDE) return err(`it has only ${width}×${height} pixels`);
    if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height)) return err("it is a panorama");
    const size = frameSize({ width, height }, maxLongSide);
    const frame = await input()
      .autoOrient()
      .resize({ ...size, fit: "fill" })
      .flatten()
      .toColourspace("srgb")
      .jpeg(JPEG)
      .toBuffer();
    await writeFile(to, frame);
    const grey = await sharp(frame)
      .greyscale()
      .resize({ ...GREY, fit: "fill" })
      .raw()
      .toBuffer();
    return ok({
      width,
      height,
      details: photoDetails(exif),
      sharpness: sharpnessOf(grey, GREY),
      blocks: blockMeans(grey, GREY),
    });
  } catch (error) {
    return err(errorText(error).split("\n")[0] ?? "");
  }
}
