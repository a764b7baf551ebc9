import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Counter, counterSource, ffmpeg } from "../counter-clip.ts";

/** A small video of a common kind, and the frames expected from it. */
export interface Clip {
  /** What is special about it. */
  readonly kind: string;
  readonly options?: { readonly fps?: number; readonly start_sec?: number; readonly end_sec?: number };
  /** Makes the file `name` in `dir`. */
  make(dir: string, name: string): Promise<void> | void;
  /** The number of the picture shown at a time, in seconds after the file's beginning, as a player shows it. */
  readonly shown: (seconds: number) => number;
  /** The expected times of the frames. */
  readonly times: readonly number[];
  readonly size: readonly [width: number, height: number];
  /** A note that is expected. */
  readonly note?: RegExp;
  /** Where the file declares other colours than it has. */
  readonly colours?: "unknown";
}

export const RATE = 25;
const PLAIN: Counter = { width: 320, height: 240, rate: RATE, seconds: 8 };
export const SIZE = [320, 240] as const;

/** x264 is in every ffmpeg that people install; key frames every ten seconds are its default. */
export const X264 = [
  "-c:v",
  "libx264",
  "-preset",
  "ultrafast",
  "-bf",
  "2",
  "-b_strategy",
  "0",
  "-pix_fmt",
  "yuv420p",
];
export const MPEG4 = ["-c:v", "mpeg4", "-q:v", "2"];

export function source(counter: Partial<Counter> = {}): string[] {
  return ["-f", "lavfi", "-i", counterSource({ ...PLAIN, ...counter })];
}

/** Times at an even pace. */
export function every(step: number, from: number, to: number): number[] {
  return Array.from({ length: Math.round((to - from) / step) }, (_, i) => from + i * step);
}

export const at =
  (rate: number, first = 0) =>
  (seconds: number) =>
    first + seconds * rate;

export function plain(kind: string, args: readonly string[], rest: Partial<Clip> = {}): Clip {
  return {
    kind,
    make: (dir, name) => ffmpeg(dir, ...source(), ...args, name),
    shown: at(RATE),
    times: every(0.25, 0, 8),
    size: SIZE,
    ...rest,
  };
}

export async function concat(dir: string, name: string, parts: readonly string[]): Promise<void> {
  await writeFile(
    join(dir, name),
    Buffer.concat(await Promise.all(parts.map((part) => readFile(join(dir, part))))),
  );
}

export async function patch(dir: string, name: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(join(dir, name), change(await readFile(join(dir, name))));
}

/** Adds a child box to the only video sample entry. */
export function addToSampleEntry(bytes: Buffer, box: Buffer): Buffer {
  const entry = bytes.indexOf("avcC") - 4;
  const moov = bytes.indexOf("moov");
  const outer = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"].map(
    (type) => bytes.indexOf(type, moov) - 4,
  );
  for (const start of outer) bytes.writeUInt32BE(bytes.readUInt32BE(start) + box.length, start);
  return Buffer.concat([bytes.subarray(0, entry), box, bytes.subarray(entry)]);
}
