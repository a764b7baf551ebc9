import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { box } from "../testing/make-box.ts";
import { senseGravity } from "./sense-gravity.ts";
import { cammPacket, gpmfPayload, klv, metadataTrack, movie } from "./testing/metadata-track.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-motion-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function sense(bytes: Buffer, times: readonly number[]) {
  const file = join(dir, "video.mp4");
  await writeFile(file, bytes);
  return senseGravity(file, times);
}

const G = 9.81;
const TIMES = [0.5, 1.5, 2.5];

describe("a GoPro's accelerometer", () => {
  it.each([
    // Z, X, Y: up, to the left, to the back.
    ["held upright, with the axes named", "ZXY", [G, 0, 0], "camera", [0, 1, 0]],
    ["held upright, by a camera of another kind", "YxZ", [0, 0, G], "camera", [0, 1, 0]],
    ["on its side", "ZXY", [0, G, 0], "camera", [-1, 0, 0]],
    ["with a reversed axis", "ZxY", [0, G, 0], "camera", [1, 0, 0]],
    ["looking straight down", "ZXY", [0, 0, G], "camera", [0, 0, 1]],
    ["without names of axes", null, [G, 0, 0], "sensor", [0, 1, 0]],
  ] as const)("%s", async (_, orientation, reading, axes, up) => {
    const payload = gpmfPayload({ orientation, readings: Array(200).fill(reading), scale: 418 });
    const found = await sense(movie("gpmd", [payload, payload, payload], 1), TIMES);
    expect(found?.axes).toBe(axes);
    expect(found?.up).toHaveLength(3);
    for (const one of found?.up ?? [])
      for (const i of [0, 1, 2] as const) expect(one?.[i]).toBeCloseTo(up[i], 2);
  });

  it("says what was up at each frame's time", async () => {
    const payloads = [
      [G, 0, 0],
      [0, G, 0],
      [0, 0, G],
    ].map((reading) => gpmfPayload({ orientation: "ZXY", readings: Array(50).fill(reading), scale: 100 }));
    const found = await sense(movie("gpmd", payloads, 1), [...TIMES, 9]);
    expect(found?.up.map((one) => one?.map(Math.round))).toEqual([
      [0, 1, 0],
      [-1, 0, 0],
      [0, 0, 1],
      undefined,
    ]);
  });

  it("averages shaking, and leaves out what no camera feels", async () => {
    const shaken = Array.from({ length: 200 }, (_, i) => [G, i % 2 === 0 ? 5 : -5, 0]);
    const readings = [...shaken, [0, 70, 0], [0, 0, 0]];
    const found = await sense(
      movie("gpmd", [gpmfPayload({ orientation: "ZXY", readings, scale: 100 })], 1),
      [0.5],
    );
    expect(found?.up[0]?.[1]).toBeGreaterThan(0.999);
  });
});

describe("Camera Motion Metadata", () => {
  it("has the accelerometer's readings among others, with the axes of the sensor", async () => {
    const packets = Array.from({ length: 300 }, (_, i) => cammPacket(i % 3 === 0 ? 3 : 2, [0, G, 0.1]));
    const found = await sense(movie("camm", packets, 100), [1, 2]);
    expect(found?.axes).toBe("sensor");
    expect(found?.up.map((one) => one?.map(Math.round))).toEqual([
      [0, 1, 0],
      [0, 1, 0],
    ]);
  });
});

describe("files without readings", () => {
  const packets = Array.from({ length: 30 }, () => cammPacket(3, [0, G, 0]));
  const good = movie("camm", packets, 10);
  const gpmf = gpmfPayload({ orientation: "ZXY", readings: Array(9).fill([G, 0, 0]), scale: 418 });
  it.each<[string, Buffer]>([
    ["no film at all", Buffer.from("no film at all")],
    ["no such track", movie("tmcd", packets, 10)],
    ["an empty track", movie("camm", [], 10)],
    ["no time scale", movie("camm", packets, 0)],
    [
      "axes that are none",
      movie("gpmd", [gpmfPayload({ orientation: "ABC", readings: [[G, 0, 0]], scale: 1 })], 1),
    ],
    [
      "axes that are named twice",
      movie("gpmd", [gpmfPayload({ orientation: "XXY", readings: [[G, 0, 0]], scale: 1 })], 1),
    ],
    [
      "a divisor of zero",
      movie("gpmd", [gpmfPayload({ orientation: "ZXY", readings: [[G, 0, 0]], scale: 0 })], 1),
    ],
    ["nothing but zeros", movie("gpmd", [Buffer.alloc(4096)], 1)],
    ["a value that is longer than the payload", movie("gpmd", [gpmf.subarray(0, gpmf.length - 20)], 1)],
    [
      "values in themselves",
      movie(
        "gpmd",
        [Array.from({ length: 60 }).reduce<Buffer>((inner) => klv("DEVC", "\0", 1, inner), gpmf)],
        1,
      ),
    ],
    ["offsets beyond the file", metadataTrack("camm", { sizes: [16, 16], offsets: [1e9], timescale: 1 })],
    ["a sample of 4 GiB", metadataTrack("camm", { sizes: [0xffff_ffff], offsets: [0], timescale: 1 })],
  ])("%s", async (_, bytes) => {
    expect(await sense(bytes, [0.5])).toBeNull();
  });

  it("a table that says more than it has", async () => {
    const lying = metadataTrack("camm", { sizes: [16], offsets: [0], timescale: 1, count: 0xffff_ffff });
    const began = process.memoryUsage().arrayBuffers;
    expect(await sense(lying, [0.5])).toBeNull();
    expect(process.memoryUsage().arrayBuffers - began).toBeLessThan(64 * 1024 * 1024);
  });

  it("cut off anywhere, without an error", async () => {
    for (let length = 0; length < good.length; length += 7) await sense(good.subarray(0, length), [0.5]);
    for (let at = 0; at < Math.min(good.length, 600); at += 3) {
      const damaged = Buffer.from(good);
      damaged.writeUInt8(255 - damaged.readUInt8(at), at);
      await sense(damaged, [0.5]);
    }
  });

  it("is one box in another", async () => {
    expect(await sense(box("moov", box("trak", box("mdia"))), [0.5])).toBeNull();
  });
});
