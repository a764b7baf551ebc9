import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { partOfOneCodec } from "./codec-change.ts";
import { mapPacket } from "./testing/map-packet.ts";

const PACKET_BYTES = 188;
const MPEG2 = 0x02;
const H264 = 0x1b;
const ROUND_BYTES = 100 * PACKET_BYTES;
const PICTURE = Buffer.alloc(PACKET_BYTES, 0xaa);
Buffer.from([0x47, 0x01, 0, 0x10]).copy(PICTURE);

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-codec-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Packets of a recording: the table of programs and the map, then pictures, again and again. */
function recording(type: number, rounds: number): Buffer {
  const programs = Buffer.alloc(PACKET_BYTES, 0xff);
  Buffer.from([0x47, 0x40, 0, 0x10]).copy(programs);
  const round = Buffer.alloc(ROUND_BYTES, PICTURE);
  programs.copy(round);
  mapPacket([[256, type]]).copy(round, PACKET_BYTES);
  return Buffer.alloc(rounds * ROUND_BYTES, round);
}

async function partOf(...recordings: readonly Buffer[]): Promise<unknown> {
  const path = join(dir, "video.ts");
  await writeFile(path, Buffer.concat(recordings));
  return partOfOneCodec(path);
}

it.each([
  [30, 200],
  [200, 30],
  [3, 2],
])("takes the longer one of %i and %i rounds of packets, from its first table on", async (first, second) => {
  const at = first * ROUND_BYTES;
  const size = (first + second) * ROUND_BYTES;
  expect(await partOf(recording(MPEG2, first), recording(H264, second))).toEqual(
    first > second ? { from: 0, to: at } : { from: at, to: size },
  );
});

it("takes all of a recording whose codec stays, and of another file", async () => {
  expect(await partOf(recording(H264, 20), recording(H264, 20))).toBe(null);
  expect(await partOf(Buffer.alloc(5000, 1))).toBe(null);
  expect(await partOf(Buffer.alloc(0))).toBe(null);
});

it.each([
  [60, 90, 40, 1],
  [90, 30, 80, 0],
  [30, 20, 80, 2],
])("takes the longest part where the codec changes and back: %i, %i and %i rounds", async (...rounds) => {
  const [a, b, c, longest] = rounds;
  const starts = [0, a, a + b, a + b + c].map((round) => round * ROUND_BYTES);
  const found = await partOf(recording(H264, a), recording(MPEG2, b), recording(H264, c));
  expect(found).toEqual({ from: starts[longest], to: starts[longest + 1] });
});

it("finds a part that is far from the file's ends", async () => {
  const parts = [recording(H264, 700), recording(MPEG2, 1000), recording(H264, 700)];
  expect(await partOf(...parts)).toEqual({ from: 700 * ROUND_BYTES, to: 1700 * ROUND_BYTES });
});
