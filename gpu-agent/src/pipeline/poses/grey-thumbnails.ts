import sharp from "sharp";

/** Pixels. Small enough that noise and compression average out, large enough to show a small movement. */
const SIDE = 48;

/** A small grey picture of each image, all of one size, to detect near-duplicates. */
export function greyThumbnails(files: readonly string[]): Promise<Uint8Array[]> {
  return Promise.all(
    files.map((file) => sharp(file).greyscale().resize(SIDE, SIDE, { fit: "fill" }).raw().toBuffer()),
  );
}
