import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { frameSize } from "../frames/frame-size.ts";
import { decodeHeic } from "./heic.ts";

/*
 * Decodes photos in a confined process: `node decode-photos-program.ts MAX_LONG_SIDE upright|stored NAME...` turns each
 * photo of its folder upright, or leaves it as it is stored, converts it to sRGB, scales it down and writes it as
 * NAME.jpg without metadata. It prints a line of JSON for each, in order: what it is, or why it cannot be used. It
 * imports as little as it can, because its sandbox shows it no more.
 */

/** What sharp calls the formats that photos are taken from; it has decoders for riskier ones too. */
const FORMATS = new Set(["jpeg", "png", "webp", "heif"]);
const MAX_PIXELS = 210_000_000;
const MIN_SIDE = 32;
/** Longer strips are stitched panoramas, which no single lens projects. */
const MAX_ASPECT = 2.5;
const MAX_EXIF_BYTES = 1024 * 1024;
const JPEG = { quality: 95, chromaSubsampling: "4:2:0" } as const;

async function decode(name: string, maxLongSide: number, turn: boolean) {
  // From memory, because sharp caches what it reads from a file by the file's name.
  const photo = await readFile(name);
  const input = () =>
    sharp(photo, { limitInputPixels: MAX_PIXELS, failOn: "truncated", sequentialRead: true });
  const metadata = await input().metadata();
  const { format, pages = 1, exif } = metadata;
  const { width, height } = turn ? metadata.autoOrient : metadata;
  if (!FORMATS.has(format)) return { error: `${format} is not supported` };
  if (pages > 1 && format !== "heif") return { error: "it is an animation" };
  if (Math.min(width, height) < MIN_SIDE) return { error: `it has only ${width}×${height} pixels` };
  if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height)) return { error: "it is a panorama" };
  // The prebuilt sharp reads the container, but has no decoder for HEVC.
  const isHeic = metadata.compression === "hevc";
  if (isHeic && !turn)
    return { error: "HEIC is not taken in datasets with poses; convert it to JPEG or PNG" };
  const picture = isHeic
    ? await decodeHeic(photo, { width, height, profile: metadata.icc })
    : turn
      ? input().autoOrient()
      : input();
  const frame = await picture
    .resize({ ...frameSize({ width, height }, maxLongSide), fit: "fill" })
    .flatten()
    .toColourspace("srgb")
    .jpeg(JPEG)
    .toBuffer()
    .catch((error: unknown) => {
      const [reason] = String(error instanceof Error ? error.message : error).split("\n");
      throw new Error(`its picture is damaged or incomplete (${reason})`);
    });
  await writeFile(`${name}.jpg`, frame);
  const isUsable = exif !== undefined && exif.length <= MAX_EXIF_BYTES;
  return { width, height, exif: isUsable ? exif.toString("base64") : null };
}

// libheif-js complains on stdout, where the answers are.
console.log = console.error;
const [maxLongSide, turn, ...names] = process.argv.slice(2);
for (const name of names) {
  const answer = await decode(name, Number(maxLongSide), turn === "upright").catch((error: unknown) => ({
    error: (error instanceof Error ? error.message : String(error)).split("\n")[0],
  }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
