import sharp from "sharp";
import { evenly } from "../evenly.ts";
import { sharpnessOf } from "../frames/sharpness.ts";
import { median } from "../median.ts";

/** What is wrong with most of the pictures themselves. */
export type PictureFault = "dark" | "blurred";

/** How many pictures are measured, evenly spread over the capture. */
const SAMPLE = 24;
/** Pixels of the longer side at which a picture is measured, so that captures of different sizes compare. */
const LONG_SIDE = 640;
/** Shares of a picture's pixels: its shadows end at the first, its lights begin at the second. */
const [SHADOWS, LIGHTS] = [0.1, 0.9];
/**
 * The lights of a dark picture are below this, of 255. Of forty captures the darkest has 100; the fox in 12 % of its
 * light, whose dark parts were lost, has 58. A lit subject in the dark fills more than a tenth of the picture.
 */
const DARK = 75;
/**
 * The variance of the Laplacian of a blurred picture, relative to the square of its contrast, is below this. Of the
 * same captures the softest has 0.007; the fox has 0.0009 blurred with a deviation of two pixels, and 0.0006 by motion.
 */
const SHARP = 0.0025;

/**
 * What spoils the pictures although they fit together: cameras are found, and the splat is as dark or blurred as they
 * are, which no comparison with them shows.
 *
 * @param files the frames
 * @returns null where there is none; of pictures that are both, dark
 */
export async function pictureFault(files: readonly string[]): Promise<PictureFault | null> {
  const measured = [];
  for (const file of evenly(files, SAMPLE)) measured.push(await measure(file));
  if (measured.length === 0) return null;
  if (median(measured.map(({ lights }) => lights)) < DARK) return "dark";
  return median(measured.map(({ sharpness }) => sharpness)) < SHARP ? "blurred" : null;
}

async function measure(file: string): Promise<{ readonly lights: number; readonly sharpness: number }> {
  const { data, info } = await sharp(file)
    .greyscale()
    .resize(LONG_SIDE, LONG_SIDE, { fit: "inside", withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const sorted = data.toSorted();
  const [shadows = 0, lights = 0] = [SHADOWS, LIGHTS].map(
    (share) => sorted[Math.floor(share * sorted.length)],
  );
  return { lights, sharpness: sharpnessOf(data, info) / Math.max(1, lights - shadows) ** 2 };
}
