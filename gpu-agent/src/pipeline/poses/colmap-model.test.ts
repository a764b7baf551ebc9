import { describe, expect, it } from "vitest";
import { type ColmapModel, entryCount, parseCameras, parseImages, parsePoints } from "./colmap-model.ts";
import { encodeModel } from "./testing/synthetic-model.ts";

const MODEL: ColmapModel = {
  cameras: new Map([
    [1, { id: 1, model: 2, width: 540, height: 960, params: [1152, 270, 480, -0.01] }],
    [7, { id: 7, model: 4, width: 640, height: 480, params: [600, 601, 320, 240, 0.1, -0.2, 0.001, 0.002] }],
  ]),
  images: [
    {
      id: 3,
      quaternion: [0.5, -0.5, 0.5, 0.5],
      translation: [1, -2, 3.25],
      cameraId: 1,
      name: "frame_00003.jpg",
      features: Float64Array.of(1.5, 2.5, 100.25, 200.75),
    },
    {
      id: 4,
      quaternion: [1, 0, 0, 0],
      translation: [0, 0, 0],
      cameraId: 7,
      name: "grün.jpg",
      features: new Float64Array(),
    },
  ],
  points: [
    { position: [1, 2, 3], colour: [255, 128, 0], error: 0.75, track: Uint32Array.of(3, 0, 4, 17) },
    { position: [-1e6, 0, 1e-6], colour: [0, 0, 0], error: -1, track: new Uint32Array() },
  ],
};

const BYTES = encodeModel(MODEL);
const FILES = [
  ["cameras.bin", BYTES.cameras, parseCameras, MODEL.cameras],
  ["images.bin", BYTES.images, parseImages, MODEL.images],
  ["points3D.bin", BYTES.points, parsePoints, MODEL.points],
] as const;

describe.each(FILES)("%s", (name, bytes, parse, value) => {
  it("is read as it was written", () => {
    expect(parse(bytes)).toEqual({ ok: true, value });
    expect(entryCount(bytes)).toBe(2);
  });

  it("is rejected when it is truncated or has trailing bytes", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(parse(bytes.subarray(0, length)), `${length} bytes`).toMatchObject({ ok: false });
    }
    expect(parse(Buffer.concat([bytes, Buffer.from([0])]))).toMatchObject({ ok: false });
  });

  it("is rejected quickly when it declares more entries than fit", () => {
    for (const count of [3n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]) {
      const lying = Buffer.from(bytes);
      lying.writeBigUInt64LE(count);
      expect(parse(lying)).toEqual({ ok: false, error: expect.stringContaining(name) });
    }
  });

  it("is read from the middle of a larger buffer", () => {
    const larger = Buffer.concat([Buffer.alloc(13, 9), bytes, Buffer.alloc(5, 9)]);
    expect(parse(larger.subarray(13, 13 + bytes.length))).toEqual({ ok: true, value });
  });

  it("may be empty", () => {
    expect(parse(Buffer.alloc(8))).toMatchObject({ ok: true });
  });
});

it("unsupported camera models are rejected", () => {
  const fisheye = Buffer.from(BYTES.cameras);
  fisheye.writeUInt32LE(5, 8 + 4);
  expect(parseCameras(fisheye)).toEqual({
    ok: false,
    error: "cameras.bin: camera model 5 is not supported.",
  });
});

it("entryCount requires 8 bytes", () => {
  expect(entryCount(Buffer.alloc(7))).toBeNull();
  expect(entryCount(Buffer.from([50, 0, 0, 0, 0, 0, 0, 0, 99]))).toBe(50);
});
