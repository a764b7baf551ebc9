import { expect, it } from "vitest";
import { retentionMs } from "./retention.ts";

const DAY_MS = 86_400_000;

it.each([
  [undefined, 7, 7 * DAY_MS],
  ["", 7, 7 * DAY_MS],
  [" ", null, null],
  ["off", 7, null],
  ["OFF", 7, null],
  ["0", 7, null],
  ["30", null, 30 * DAY_MS],
  ["0.5", null, DAY_MS / 2],
  ["-1", 7, undefined],
  ["1e3", 7, undefined],
  ["7 days", 7, undefined],
  ["99999", 7, undefined],
  ["Infinity", 7, undefined],
  ["NaN", 7, undefined],
])("reads %j with the default %j", (text, fallback, expected) => {
  expect(retentionMs(text, fallback)).toBe(expected);
});
