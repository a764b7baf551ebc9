import { execFileSync } from "node:child_process";
import sharp from "sharp";

/** Bits of the number that each picture carries. */
const BITS = 12;
/** The strip with the number, as shares of the picture's height. */
const STRIP = { top: 0.2, height: 0.1 };
/** The coloured corner above it, as shares of the picture. Another colour matrix shifts it by 14 levels. */
const CORNER = { width: 0.15, height: STRIP.top };
export const CORNER_COLOUR = [200, 40, 60] as const;

export interface Counter {
  readonly width: number;
  readonly height: number;
  /** Pictures per second. */
  readonly rate: number;
  readonly seconds: number;
  /** The number of the first picture. */
  readonly first?: number;
  /** What the counter is drawn on: a lavfi source of the same size, rate and length. */
  readonly background?: string;
}

/**
 * A lavfi source whose pictures carry their own number, for `readNumber`: a strip of black and white blocks, first
 * the bits and then the same bits inverted, so that a picture that is mirrored, mixed of two or smeared reads as
 * none.
 */
export function counterSource({ width, height, rate, seconds, first = 0, background }: Counter): string {
  const source = background ?? `testsrc2=s=${width}x${height}:r=${rate}:d=${seconds}`;
  const top = Math.round(STRIP.top * height);
  const strip = Math.round(STRIP.height * height);
  const block = (i: number) => Math.round((i * width) / (2 * BITS));
  const box = (i: number, shown: string) =>
    `drawbox=x=${block(i)}:y=${top}:w=${block(i + 1) - block(i)}:h=${strip}:color=white:t=fill:enable='${shown}'`;
  const bit = (k: number) => `mod(floor((n+${first})/${2 ** k}),2)`;
  const boxes = Array.from({ length: BITS }, (_, k) => [
    box(k, `eq(${bit(k)},1)`),
    box(BITS + k, `eq(${bit(k)},0)`),
  ]).flat();
  const ground = `drawbox=x=0:y=${top}:w=${width}:h=${strip}:color=black:t=fill`;
  const corner = `drawbox=x=0:y=0:w=${CORNER.width * width}:h=${top}:t=fill:color=${hex(CORNER_COLOUR)}`;
  return [source, "format=yuv420p", corner, ground, ...boxes].join(",");
}

function hex(colour: readonly number[]): string {
  return `0x${Buffer.from(colour).toString("hex")}`;
}

/** @returns the mean levels of red, green and blue in the middle of the corner */
export async function readCorner(image: string): Promise<number[]> {
  const size = await sharp(image).metadata();
  const width = Math.floor((CORNER.width * size.width) / 2);
  const height = Math.floor((CORNER.height * size.height) / 2);
  const middle = { left: width >> 1, top: height >> 1, width, height };
  return [...(await sharp(image).extract(middle).resize(1, 1).raw().toBuffer())];
}

/** @returns the number in a picture's strip, or null when it does not hold one, or two: in two fields */
export async function readNumber(image: string): Promise<number | null> {
  const { data, info } = await sharp(image).greyscale().raw().toBuffer({ resolveWithObject: true });
  const row = Math.round((STRIP.top + STRIP.height / 2) * info.height);
  const [number, other] = [row, row + 1].map((y) =>
    numberIn(data.subarray(y * info.width, (y + 1) * info.width)),
  );
  return number !== undefined && number === other ? number : null;
}

/** @param row one byte per pixel */
function numberIn(row: Uint8Array): number | null {
  const levels = Array.from(
    { length: 2 * BITS },
    (_, i) => row[Math.floor(((i + 0.5) * row.length) / (2 * BITS))] ?? 128,
  );
  let number = 0;
  for (let k = 0; k < BITS; k++) {
    const [bit, inverse] = [levels[k] ?? 0, levels[BITS + k] ?? 0];
    if (Math.abs(bit - inverse) < 100) return null;
    if (bit > inverse) number += 2 ** k;
  }
  return number;
}

/** The options by which ffmpeg writes each picture once: renamed in 5.1, and the old name is gone in 9. */
export function passthrough(): string[] {
  const help = execFileSync("ffmpeg", ["-hide_banner", "-h", "full"], {
    encoding: "utf8",
    stdio: "pipe",
    maxBuffer: 1e8,
  });
  return [/^-fps_mode/m.test(help) ? "-fps_mode" : "-vsync", "passthrough"];
}

/** Runs the ffmpeg that the clips are made with. */
export function ffmpeg(cwd: string, ...args: string[]): void {
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args], {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 120_000,
  });
}
