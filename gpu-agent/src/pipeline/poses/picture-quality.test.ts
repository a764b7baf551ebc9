import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pictureFault } from "./picture-quality.ts";

const SIZE = { width: 720, height: 480 };
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-quality-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** A board of squares of many greys, with something like the fine detail of a photo. */
function board(): Sharp {
  const grey = new Uint8Array(SIZE.width * SIZE.height);
  for (let i = 0; i < grey.length; i++) {
    const [x, y] = [i % SIZE.width, Math.floor(i / SIZE.width)];
    grey[i] = 40 + ((Math.floor(x / 24) * 7 + Math.floor(y / 24) * 5) % 9) * 20 + ((x * 31 + y * 17) % 11);
  }
  return sharp(grey, { raw: { ...SIZE, channels: 1 } });
}

async function pictures(...looks: readonly ((picture: Sharp) => Sharp)[]): Promise<string[]> {
  return Promise.all(
    looks.map(async (look, i) => {
      const file = join(dir, `${i}.jpg`);
      await look(board()).jpeg({ quality: 95 }).toFile(file);
      return file;
    }),
  );
}

const asItIs = (picture: Sharp) => picture;
const inTheDark = (picture: Sharp) => picture.linear(0.25, 0);
const pale = (picture: Sharp) => picture.linear(0.4, 130);
const outOfFocus = (picture: Sharp) => picture.blur(5);
/** Its lit middle is a fifth of the picture. */
const inFrontOfBlack = (picture: Sharp) =>
  picture
    .resize({ width: 320, height: 216, fit: "cover" })
    .extend({ left: 200, right: 200, top: 132, bottom: 132, background: "black" });

it.each([
  ["as photos are", [asItIs], null],
  ["pale", [pale], null],
  ["with a lit subject in front of black", [inFrontOfBlack], null],
  ["in the dark", [inTheDark], "dark"],
  ["dark and blurred", [(picture: Sharp) => outOfFocus(inTheDark(picture))], "dark"],
  ["out of focus", [outOfFocus], "blurred"],
  ["of which a few are dark or blurred", [asItIs, inTheDark, asItIs, outOfFocus, asItIs], null],
  ["of which most are blurred", [asItIs, outOfFocus, outOfFocus, outOfFocus], "blurred"],
])("tells what is wrong with pictures %s", async (_name, looks, fault) => {
  expect(await pictureFault(await pictures(...looks))).toBe(fault);
});

it("finds no fault without pictures", async () => {
  expect(await pictureFault([])).toBeNull();
});
