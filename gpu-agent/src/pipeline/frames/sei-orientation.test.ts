import { describe, expect, it } from "vitest";
import { UPRIGHT } from "./orientation.ts";
import { MessageOrientations, messageArguments } from "./sei-orientation.ts";

const packet = (stamp: number) =>
  `[trace_headers @ 0x1] [info] Packet: 11 bytes, key frame, pts ${stamp}, dts 0, duration 512.`;
const field = (name: string, value: number) =>
  `[trace_headers @ 0x1] [info] 24          ${name}                             ${value.toString(2)} = ${value}`;
const message = (anticlockwise: number, horizontal = 0, vertical = 0) => [
  field("display_orientation_cancel_flag", 0),
  field("hor_flip", horizontal),
  field("ver_flip", vertical),
  field("anticlockwise_rotation", (anticlockwise * 65536) / 360),
];

function turnsOf(lines: readonly string[], stamps: readonly number[], keys = stamps.map((_, i) => i)) {
  const found = new MessageOrientations();
  for (const line of lines) found.add(line);
  return found.turns({ stamps: [...stamps], keys }, UPRIGHT);
}

describe("MessageOrientations", () => {
  it.each([
    ["a quarter", message(270), { mirrored: false, clockwiseDegrees: 90 }],
    ["a half", message(180), { mirrored: false, clockwiseDegrees: 180 }],
    ["mirrored left to right", message(0, 1), { mirrored: true, clockwiseDegrees: 0 }],
    ["mirrored top to bottom", message(0, 0, 1), { mirrored: true, clockwiseDegrees: 180 }],
    ["mirrored both ways", message(0, 1, 1), { mirrored: false, clockwiseDegrees: 180 }],
    ["mirrored, then turned", message(90, 1), { mirrored: true, clockwiseDegrees: 270 }],
  ])("reads %s", (_, lines, orientation) => {
    expect(turnsOf([packet(0), ...lines], [0])).toEqual([{ from: 0, orientation }]);
  });

  it("ends with the next key picture that declares nothing", () => {
    const lines = [packet(0), packet(100), ...message(180), packet(200)];
    expect(turnsOf(lines, [0, 50, 100, 150, 200], [0, 2, 4])).toEqual([
      { from: 0, orientation: UPRIGHT },
      { from: 2, orientation: { mirrored: false, clockwiseDegrees: 180 } },
      { from: 4, orientation: UPRIGHT },
    ]);
  });

  it("tells joined clips with the same time stamps apart", () => {
    const lines = [packet(0), packet(0), ...message(180)];
    expect(turnsOf(lines, [0, 50, 0, 50], [0, 2]).map(({ from }) => from)).toEqual([0, 2]);
  });

  it("lasts over a key picture in the middle of a sequence", () => {
    expect(turnsOf([packet(0), ...message(180)], [0, 50, 100], [0, 2])).toHaveLength(1);
  });

  it("passes over pictures that could not be decoded", () => {
    const lines = [packet(0), packet(50), packet(100), ...message(180)];
    expect(turnsOf(lines, [100, 150], [0])).toEqual([
      { from: 0, orientation: { mirrored: false, clockwiseDegrees: 180 } },
    ]);
  });
});

describe("messageArguments", () => {
  it.each([
    ["h264", true],
    ["hevc", true],
    ["vp9", false],
    [null, false],
  ])("exist for codecs with messages: %s", (codec, expected) => {
    expect(messageArguments("a.mp4", 0, codec) !== null).toBe(expected);
  });
});
