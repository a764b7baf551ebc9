import { type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differentRecordings, readMatroskaTracks } from "./matroska.ts";

/** An EBML element whose size takes eight bytes. */
function element(id: readonly number[], content: Buffer): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE((1n << 56n) + BigInt(content.length));
  return Buffer.concat([Buffer.from(id), size, content]);
}
const number = (id: readonly number[], value: number) => element(id, Buffer.from([value >> 8, value & 0xff]));

async function read(bytes: Buffer, reader: (file: FileHandle) => Promise<unknown> = readMatroskaTracks) {
  const dir = await mkdtemp(join(tmpdir(), "splatt-matroska-"));
  await writeFile(join(dir, "source"), bytes);
  try {
    await using file = await open(join(dir, "source"));
    return await reader(file);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const HEADER = element([0x1a, 0x45, 0xdf, 0xa3], Buffer.alloc(0));
const PIXELS = [number([0xb0], 400), number([0xba], 280)];
const CROP = [
  number([0x54, 0xcc], 40),
  number([0x54, 0xdd], 40),
  number([0x54, 0xbb], 20),
  number([0x54, 0xaa], 20),
];

function file(video: readonly Buffer[], rest: readonly Buffer[] = []): Buffer {
  const sound = element([0xae], number([0xd7], 1));
  const track = element([0xae], Buffer.concat([element([0xe0], Buffer.concat([...video])), ...rest]));
  const tracks = element([0x16, 0x54, 0xae, 0x6b], Buffer.concat([sound, track]));
  return Buffer.concat([HEADER, element([0x18, 0x53, 0x80, 0x67], tracks)]);
}

it("reads how the pictures are cropped, and the shape of the pixels that remain", async () => {
  const display = [number([0x54, 0xb0], 640), number([0x54, 0xba], 240)];
  const crop = { left: 40, top: 20, width: 320, height: 240 };
  expect(await read(file([...PIXELS, ...CROP]))).toEqual([null, { crop, encrypted: false, pixelAspect: 1 }]);
  expect(await read(file([...PIXELS, ...CROP, ...display]))).toEqual([
    null,
    { crop, encrypted: false, pixelAspect: 2 },
  ]);
  expect(await read(file(PIXELS))).toEqual([null, { crop: null, encrypted: false, pixelAspect: 1 }]);
});

it("recognises encryption", async () => {
  const encryption = element([0x6d, 0x80], element([0x62, 0x40], element([0x50, 0x35], Buffer.alloc(0))));
  expect(await read(file(PIXELS, [encryption]))).toMatchObject([null, { encrypted: true }]);
});

it("separates joined files whose codecs or parameters differ", async () => {
  const parameters = (value: number) => file(PIXELS, [number([0x63, 0xa2], value)]);
  const [one, two] = [parameters(1), parameters(2)];
  const halves = [
    { from: 0, to: one.length },
    { from: one.length, to: 2 * one.length },
  ];
  expect(await read(Buffer.concat([one, two]), differentRecordings)).toEqual(halves);
  expect(await read(Buffer.concat([one, one]), differentRecordings)).toEqual([]);
  expect(await read(one, differentRecordings)).toEqual([]);
});

it("finds nothing in a file that is cut, or no Matroska at all", async () => {
  const whole = file([...PIXELS, ...CROP]);
  for (let length = 0; length < whole.length; length++) await read(whole.subarray(0, length));
  expect(await read(Buffer.from("hello"))).toEqual([]);
  expect(await read(Buffer.alloc(0))).toEqual([]);
});
