import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { declaredEnd } from "./declared-end.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-end-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** RIFF chunks of four bytes. */
const chunks = (count: number) =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.from("RIFF\u0004\0\0\0AVI ", "latin1")));

const index = (bytes: number) =>
  Buffer.concat([Buffer.from("idx1\u0010\0\0\0", "latin1"), Buffer.alloc(bytes)]);
const long = Buffer.from("RIFF\0\u0001\0\0AVI ", "latin1");

const CASES: readonly [string, Buffer, number | null][] = [
  ["of one chunk ends with it", chunks(1), 12],
  ["of several ends with the last", chunks(3), 36],
  ["that is cut off ends where it would", Buffer.from("RIFF\u0064\0\0\0AVI ", "latin1"), 108],
  ["with a wrong size, but with its index, is whole", Buffer.concat([long, index(16)]), null],
  ["that is cut off in its index ends where it would", Buffer.concat([long, index(10)]), 264],
  ["of more chunks than any program writes does not say", chunks(2000), null],
];

it.each(CASES)("an AVI %s", async (_, bytes, end) => {
  const path = join(dir, "video.avi");
  await writeFile(path, bytes);
  const file = await open(path);
  try {
    expect(await declaredEnd(file)).toBe(end);
  } finally {
    await file.close();
  }
});

it.each([
  ["of a whole tag is whole, whatever size it names", 11 + 4, null],
  ["without its end ends where it would", 11 + 2, 1000],
] as const)("an FLV %s", async (_, bytes, end) => {
  const size = Buffer.alloc(8);
  size.writeDoubleBE(1000);
  const head = Buffer.concat([Buffer.from("FLV\u0001\0\0\0\u0009\0\0\0\0\0\bfilesize\0", "latin1"), size]);
  // A tag of four bytes, and its length with its header's.
  const tag = Buffer.from([9, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 15]);
  const path = join(dir, "video.flv");
  await writeFile(path, Buffer.concat([head, tag.subarray(0, bytes + 4)]));
  const file = await open(path);
  try {
    expect(await declaredEnd(file)).toBe(end);
  } finally {
    await file.close();
  }
});
