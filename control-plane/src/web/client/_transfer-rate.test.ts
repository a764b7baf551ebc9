import { expect, it } from "vitest";
import { TransferRate } from "./_transfer-rate.ts";

type Sample = readonly [atMs: number, bytes: number];

it.each<[string, Sample[], rate: number | null, secondsFor1000: number | null]>([
  ["nothing", [], null, null],
  ["one sample", [[0, 0]], null, null],
  [
    "too short a time",
    [
      [0, 0],
      [100, 1000],
    ],
    null,
    null,
  ],
  [
    "a steady speed",
    [
      [0, 0],
      [1000, 500],
      [2000, 1000],
    ],
    500,
    2,
  ],
  [
    "only the last ten seconds",
    [
      [0, 0],
      [10_000, 10_000],
      [20_000, 11_000],
    ],
    100,
    10,
  ],
  [
    "a stall",
    [
      [0, 0],
      [1000, 5000],
      [12_000, 5000],
      [20_000, 5000],
    ],
    0,
    null,
  ],
  [
    "a part that has to be sent again",
    [
      [0, 1000],
      [1000, 0],
    ],
    -1000,
    null,
  ],
])("measures %s", (_, samples, rate, seconds) => {
  const measured = new TransferRate();
  for (const [atMs, bytes] of samples) measured.record(bytes, atMs);
  expect(measured.bytesPerSecond).toBe(rate);
  expect(measured.secondsFor(1000)).toBe(seconds);
});
