import { describe, expect, it } from "vitest";
import { DecodeLog } from "./decode-log.ts";
import { decodedTimes, promisedTimes } from "./footage.ts";
import type { PacketIndex } from "./packet-index.ts";
import { video } from "./testing/probed-video.ts";

const TRANSPORT = { container: "mpegts", startTime: 1.5, videos: [], livePhoto: false };
const AVI = { container: "avi", startTime: 0, videos: [], livePhoto: false };
const index = (stamps: readonly number[], change: Partial<PacketIndex> = {}) => ({
  stamps,
  lastDuration: null,
  decodingTimesOnly: false,
  inFileOrder: false,
  startsWithKey: true,
  incomplete: false,
  ...change,
});

/** What ffmpeg would report of pictures with these stamps. */
function decoded(stamps: readonly number[], unit: number): DecodeLog {
  const log = new DecodeLog();
  log.stamps.push(...stamps);
  log.unit = unit;
  return log;
}

describe("promisedTimes", () => {
  it.each([
    ["after sound", [2, 3, 4], [0.5, 1.5, 2.5]],
    ["a moment before the file's own beginning", [1.4, 2.4, 3.4], [0, 1, 2]],
    ["in the next turn of the clock", [2 ** 33 / 90000 + 2, 2 ** 33 / 90000 + 3], [0.5, 1.5]],
  ])("begins %s", (_, seconds, times) => {
    const stamps = seconds.map((time) => time * 90000);
    const promised = promisedTimes(TRANSPORT, video(), index(stamps));
    promised.times.forEach((time, i) => {
      expect(time).toBeCloseTo(times[i] ?? Number.NaN, 6);
    });
    expect(promised.end).toBeCloseTo((times.at(-1) ?? 0) + 1, 6);
  });
});

describe("decodedTimes", () => {
  it("counts from the first picture that could be decoded", () => {
    const promised = promisedTimes(TRANSPORT, video(), index([135000, 138000, 141000, 144000]));
    const found = decodedTimes(TRANSPORT, index([]), promised, decoded([141000, 144000], 1 / 90000), false);
    expect([...found.times].map((time) => Number(time.toFixed(4)))).toEqual([0.0667, 0.1]);
  });

  it("does not count the decoder's delay where the file has decoding times only", () => {
    const stamps = index([0, 1, 2, 3], { decodingTimesOnly: true });
    const promised = promisedTimes(AVI, video({ timeUnit: 0.04 }), stamps);
    const found = decodedTimes(AVI, stamps, promised, decoded([2, 3, 4, 5], 0.04), false);
    expect(found.times).toEqual(promised.times);
  });

  it("takes the packets' stamps where they say nothing of the order of pictures", () => {
    const stamps = index([0, 1, 2, 3], { inFileOrder: true });
    const promised = promisedTimes(AVI, video({ timeUnit: 0.04 }), stamps);
    expect(decodedTimes(AVI, stamps, promised, decoded([0, 2, 3, 4], 0.04), false)).toBe(promised);
    // DivX packs two pictures into one packet: there, the gap is the packets'.
    const packed = index([0, 3, 4, 5], { inFileOrder: true, decodingTimesOnly: true });
    const late = promisedTimes(AVI, video({ timeUnit: 0.04 }), packed);
    const found = decodedTimes(AVI, packed, late, decoded([3, 4, 5, 6], 0.04), false);
    expect([...found.times].map((time) => Number(time.toFixed(6)))).toEqual([0, 0.04, 0.08, 0.12]);
    // A picture is missing: which one, the decoder's stamps tell.
    const fewer = decodedTimes(AVI, stamps, promised, decoded([0, 2, 3], 0.04), false);
    expect([...fewer.times]).toEqual([0, 0.08, 0.12]);
  });

  it("ends where the next picture begins when it was to stop before it", () => {
    const stamps = index([0, 1, 2, 10]);
    const promised = promisedTimes(AVI, video({ timeUnit: 1 }), stamps);
    expect(decodedTimes(AVI, stamps, promised, decoded([0, 1, 2], 1), true).end).toBe(10);
    expect(decodedTimes(AVI, stamps, promised, decoded([0, 1, 2], 1), false).end).toBe(3);
  });
});
