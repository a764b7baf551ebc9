import { expect, it } from "vitest";
import { type CloseCode, FrameLimiter } from "./frame-limiter.ts";

const LIMITS = { burst: 10, perSecond: 2, messageBytes: 100, messageFrames: 3 };
const TEXT = 1;
const CLOSE = 8;
const CONTINUATION = 0;
const PING = 9;

type Sent = readonly [opcode: number, isLast: boolean, payloadBytes: number, atMs?: number];

function verdicts(frames: readonly Sent[]) {
  const limiter = new FrameLimiter(LIMITS, 0);
  return frames.map(([opcode, isLast, payloadBytes, atMs = 0]) =>
    limiter.judge({ opcode, isLast, payloadBytes, isMasked: true, hasExtensionBits: false }, atMs),
  );
}
const last = (frames: readonly Sent[]) => verdicts(frames).at(-1);
const times = (count: number, frame: Sent) => Array.from({ length: count }, () => frame);

it.each<[string, readonly Sent[], CloseCode | null]>([
  ["a message of the allowed size", [[TEXT, true, 100]], null],
  ["one that is larger", [[TEXT, true, 101]], 1009],
  [
    "fragments that are larger together",
    [
      [TEXT, false, 60],
      [CONTINUATION, false, 60],
    ],
    1009,
  ],
  [
    "messages that are larger only together",
    [
      [TEXT, true, 60],
      [TEXT, true, 60],
    ],
    null,
  ],
  [
    "a ping between fragments",
    [
      [TEXT, false, 60],
      [PING, true, 60],
      [CONTINUATION, true, 40],
    ],
    null,
  ],
  ["fragments without an end", [[TEXT, false, 0], ...times(3, [CONTINUATION, false, 0])], 1008],
  ["as many frames as a burst may have", times(10, [TEXT, true, 1]), null],
  ["one more", times(11, [TEXT, true, 1]), 1008],
  ["pings, which count too", times(11, [PING, true, 0]), 1008],
  ["a second later, two more", [...times(10, [PING, true, 0]), ...times(2, [PING, true, 0, 1000])], null],
  ["a Close frame with a reason", [[CLOSE, true, 100]], null],
  ["a reserved opcode", [[3, true, 1]], 1002],
  ["a reserved control opcode", [[11, true, 1]], 1002],
  ["a long ping", [[PING, true, 126]], 1002],
  ["a fragmented ping", [[PING, false, 1]], 1002],
  ["a message that begins with a continuation", [[CONTINUATION, true, 1]], 1002],
  ["a continuation after a whole message", times(1, [TEXT, true, 1]).concat([[CONTINUATION, true, 1]]), 1002],
  ["a message within a message", [[TEXT, false, 1], ...times(1, [TEXT, true, 1])], 1002],
  ["but not three", [...times(10, [PING, true, 0]), ...times(3, [PING, true, 0, 1000])], 1008],
])("judges %s", (_, frames, expected) => {
  expect(last(frames)).toBe(expected);
  expect(
    verdicts(frames)
      .slice(0, -1)
      .every((verdict) => verdict === null),
  ).toBe(true);
});

it("refuses frames without a mask, and those of an extension", () => {
  const frame = { opcode: TEXT, isLast: true, payloadBytes: 1, isMasked: true, hasExtensionBits: false };
  const judge = (changes: object) => new FrameLimiter(LIMITS, 0).judge({ ...frame, ...changes }, 0);
  expect(judge({})).toBeNull();
  expect(judge({ isMasked: false })).toBe(1002);
  expect(judge({ hasExtensionBits: true })).toBe(1002);
});
