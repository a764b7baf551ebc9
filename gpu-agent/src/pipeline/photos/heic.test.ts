import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PhotoDecoder, type PhotoDecoding } from "./decode-photos.ts";

const PHOTOS = join(import.meta.dirname, "testing", "heic");
const RED = [220, 20, 20];
const GREEN = [20, 200, 20];
const BLUE = [20, 20, 220];
const DARK = [30, 30, 30];

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-heic-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function decode(bytes: Buffer, decoding: Partial<PhotoDecoding> = {}) {
  const context = {
    dir,
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    report: () => undefined,
    toolOutput: () => undefined,
  };
  const to = join(dir, "photo.jpg");
  const decoder = await PhotoDecoder.start({ maxLongSide: 1600, ...decoding }, context);
  expect(decoder.isConfined).toBe(true);
  const decoded = await decoder.decode([{ bytes, to }]);
  if (!decoded.ok) throw new Error(decoded.error.code);
  const [photo] = decoded.value;
  if (photo?.ok !== true) return { error: photo?.error, to };
  return { photo: photo.value, to };
}

/** The mean colours of the quarters, from the top left. */
async function quartersOf(file: string): Promise<number[][]> {
  const { width, height } = await sharp(file).metadata();
  const quarters = [0, 1, 2, 3].map(async (quarter) => {
    const left = Math.round((0.125 + 0.5 * (quarter % 2)) * width);
    const top = Math.round((0.125 + 0.5 * Math.floor(quarter / 2)) * height);
    const size = { width: width >> 2, height: height >> 2 };
    const cut = await sharp(file)
      .extract({ left, top, ...size })
      .toBuffer();
    return (await sharp(cut).stats()).channels.map(({ mean }) => mean);
  });
  return Promise.all(quarters);
}

it.each([
  ["of one picture", "plain.heic", { width: 320, height: 240 }, [RED, GREEN, BLUE, DARK]],
  ["of tiles, turned once", "tiles-turned.heic", { width: 240, height: 320 }, [BLUE, RED, DARK, GREEN]],
  ["in wide-gamut colours", "display-p3.heic", { width: 320, height: 240 }, [RED, GREEN, BLUE, DARK]],
])("decodes a HEIC photo %s", async (_, name, size, colours) => {
  const { photo, to } = await decode(await readFile(join(PHOTOS, name)));
  expect(photo).toMatchObject(size);
  const quarters = await quartersOf(to);
  for (const [i, colour] of colours.entries())
    for (const [channel, value] of colour.entries())
      expect(Math.abs((quarters[i]?.[channel] ?? 0) - value), `${i}.${channel}`).toBeLessThan(12);
});

it("reads what the camera wrote", async () => {
  const { photo } = await decode(await readFile(join(PHOTOS, "tiles-turned.heic")));
  expect(photo?.details).toMatchObject({ camera: "Maker Phone", time: expect.any(Number) });
  expect(photo?.details.focal).toBeCloseTo(26 / Math.hypot(36, 24), 5);
});

it("says what is wrong with a photo that is damaged, and with one of a dataset", async () => {
  const bytes = await readFile(join(PHOTOS, "tiles-turned.heic"));
  const plain = await readFile(join(PHOTOS, "plain.heic"));
  expect((await decode(plain.subarray(0, -100))).error).toMatch(/damaged/);
  expect((await decode(bytes.subarray(0, 1700))).error).toMatch(/corrupt|damaged/);
  const stored = await decode(bytes, { asStored: true });
  expect(stored.error).toMatch(/HEIC is not taken in datasets with poses; convert it/);
});
