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

it.each([
  ["of one chunk ends with it", chunks(1), 12],
  ["of several ends with the last", chunks(3), 36],
  ["that is cut off ends where it would", Buffer.from("RIFF\u0064\0\0\0AVI ", "latin1"), 108],
  ["of more chunks than any program writes does not say", chunks(2000), null],
])("an AVI %s", async (_, bytes, end) => {
  const path = join(dir, "video.avi");
  await writeFile(path, bytes);
  const file = await open(path);
  try {
    expect(await declaredEnd(file, "avi")).toBe(end);
  } finally {
    await file.close();
  }
});
