import { expect, it } from "vitest";
import { mappedStreams } from "./program-map.ts";
import { mapPacket } from "./testing/map-packet.ts";

const GRID = { first: 0, step: 188 };

it("lists the streams of all program maps, in order", () => {
  const bytes = Buffer.concat([
    mapPacket([
      [256, 2],
      [257, 3],
    ]),
    mapPacket([[0, 0]], 0),
    mapPacket([[256, 27]]),
  ]);
  expect(mappedStreams(bytes, GRID)).toEqual([
    { id: 256, type: 2, at: 0 },
    { id: 257, type: 3, at: 0 },
    { id: 256, type: 27, at: 376 },
  ]);
});

it("reads nothing from other bytes", () => {
  expect(mappedStreams(Buffer.alloc(1880, 0x47), GRID)).toEqual([]);
  expect(mappedStreams(Buffer.alloc(100), GRID)).toEqual([]);
});
