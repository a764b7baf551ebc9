import { expect, it } from "vitest";
import { mappedStreams } from "./program-map.ts";

/** A packet that begins a program map of one program. */
function packet(streams: readonly (readonly [id: number, type: number])[], table = 0x02): Buffer {
  const entries = streams.flatMap(([id, type]) => [type, 0xe0 | (id >> 8), id & 0xff, 0xf0, 0]);
  const section = [
    table,
    0xb0,
    13 + entries.length,
    0,
    1,
    0xc1,
    0,
    0,
    0xe1,
    0,
    0xf0,
    0,
    ...entries,
    0,
    0,
    0,
    0,
  ];
  const bytes = Buffer.alloc(188, 0xff);
  Buffer.from([0x47, 0x50, 0, 0x10, 0, ...section]).copy(bytes);
  return bytes;
}

const GRID = { first: 0, step: 188 };

it("lists the streams of all program maps, in order", () => {
  const bytes = Buffer.concat([
    packet([
      [256, 2],
      [257, 3],
    ]),
    packet([[0, 0]], 0),
    packet([[256, 27]]),
  ]);
  expect(mappedStreams(bytes, GRID)).toEqual([
    { id: 256, type: 2 },
    { id: 257, type: 3 },
    { id: 256, type: 27 },
  ]);
});

it("reads nothing from other bytes", () => {
  expect(mappedStreams(Buffer.alloc(1880, 0x47), GRID)).toEqual([]);
  expect(mappedStreams(Buffer.alloc(100), GRID)).toEqual([]);
});
