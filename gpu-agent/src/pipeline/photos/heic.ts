import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";

/** A photo of 108 megapixels takes 430 MB as RGBA, of the 2 GB that the decoder can have. */
const MAX_HEIC_PIXELS = 110_000_000;

export interface HeicPhoto {
  /** As it is shown: after the container's own cropping, turning and mirroring. */
  readonly width: number;
  readonly height: number;
  /** An ICC profile: phones store wide-gamut colours. */
  readonly profile: Buffer | undefined;
}

/**
 * Decodes a HEIC photo, also one of tiles, with libheif. It applies the container's turning; the EXIF orientation says
 * the same once more, and is ignored, as the standard wants. Throws when the photo is damaged or does not match its
 * header.
 */
export async function decodeHeic(photo: Buffer, { width, height, profile }: HeicPhoto): Promise<Sharp> {
  if (width * height > MAX_HEIC_PIXELS)
    throw new Error(`it has more than ${MAX_HEIC_PIXELS / 1e6} megapixels`);
  const { default: libheif } = await import("libheif-js/wasm-bundle.js");
  const images = new libheif.HeifDecoder().decode(photo);
  try {
    const image = images.find((each) => each.is_primary()) ?? images[0];
    if (image === undefined) throw new Error("its pictures are damaged");
    if (image.get_width() !== width || image.get_height() !== height)
      throw new Error("its picture does not have the size that it declares");
    const data = new Uint8ClampedArray(4 * width * height);
    const shown = await new Promise((resolve) => image.display({ data, width, height }, resolve));
    if (shown === null) throw new Error("its picture is damaged or incomplete");
    const pixels = sharp(data, { raw: { width, height, channels: 4 } });
    return profile === undefined ? pixels : sharp(await withProfile(pixels, profile));
  } finally {
    for (const image of images) image.free();
  }
}

/** The picture as a PNG with a colour profile, which sharp attaches to no raw pixels. */
async function withProfile(pixels: Sharp, profile: Buffer): Promise<Buffer> {
  const png = await pixels.png({ compressionLevel: 0 }).toBuffer();
  const content = Buffer.concat([Buffer.from("icc\0\0", "latin1"), deflateSync(profile)]);
  const body = Buffer.concat([Buffer.from("iCCP", "latin1"), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  // After the signature and the header.
  return Buffer.concat([png.subarray(0, 33), length, body, checksum, png.subarray(33)]);
}
