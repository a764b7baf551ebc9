import sharp from "sharp";

export interface TestPhoto {
  readonly width?: number;
  readonly height?: number;
  /** Photos of equal seeds show the same. */
  readonly seed: number;
  readonly format?: "jpeg" | "png" | "webp" | "avif";
  readonly blur?: number;
  readonly exif?: {
    readonly model?: string;
    readonly focal35?: number;
    readonly time?: string;
    readonly orientation?: number;
    readonly gps?: readonly [latitude: string, reference: string, longitude: string, reference: string];
  };
}

/** A photo of random squares. */
export async function photoOf(photo: TestPhoto): Promise<Buffer> {
  const { width = 160, height = 120, seed, format = "jpeg", blur, exif } = photo;
  const [columns, rows] = [width / 8, height / 8];
  let state = seed + 1;
  const squares = Buffer.from(
    Array.from({ length: 3 * columns * rows }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
  let image = sharp(squares, { raw: { width: columns, height: rows, channels: 3 } }).resize(width, height, {
    kernel: "nearest",
  });
  if (blur !== undefined) image = sharp(await image.png().toBuffer()).blur(blur);
  if (exif) {
    const { model = "Test", focal35, time, orientation, gps } = exif;
    image = image.withExif({
      IFD0: { Make: "Maker", Model: model, ...(orientation ? { Orientation: String(orientation) } : {}) },
      IFD2: {
        ...(focal35 ? { FocalLength: "4", FocalLengthIn35mmFilm: String(focal35) } : {}),
        ...(time ? { DateTimeOriginal: time } : {}),
      },
      ...(gps
        ? {
            IFD3: {
              GPSLatitude: gps[0],
              GPSLatitudeRef: gps[1],
              GPSLongitude: gps[2],
              GPSLongitudeRef: gps[3],
            },
          }
        : {}),
    });
    if (orientation) image = image.withMetadata({ orientation });
  }
  return image[format]().toBuffer();
}
