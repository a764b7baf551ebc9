import { expect, it } from "vitest";
import { FrameLimiter } from "./frame-limiter.ts";

const LIMITS = { burst: 10, perSecond: 2, messageBytes: 100, messageFrames: 3 };
const TEXT = 1;
const CONTINUATION = 0;
const PING = 9;

type Sent = readonly [opcode: number, isLast: boolean, payloadBytes: number, atMs?: number];

function verdicts(frames: readonly Sent[]) {
  const limiter = new FrameLimiter(LIMITS, 0);
  return frames.map(([opcode, isLast, payloadBytes, atMs = 0]) =>
    limiter.judge({ opcode, isLast, payloadBytes }, atMs),
  );
}
const last = (frames: readonly Sent[]) => verdicts(frames).at(-1);
const times = (count: number, frame: Sent) => Array.from({ length: count }, () => frame);

it.each<[string, readonly Sent[], 1008 | 1009 | null]>([
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
  ["but not three", [...times(10, [PING, true, 0]), ...times(3, [PING, true, 0, 1000])], 1008],
])("judges %s", (_, frames, expected) => {
  expect(last(frames)).toBe(expected);
  expect(
    verdicts(frames)
      .slice(0, -1)
      .every((verdict) => verdict === null),
  ).toBe(true);
});
