import { expect, it } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);

it.each([
  ["37", "", 37_000],
  ["0", "", 0],
  ["", "", 0],
  ["-5", "", 0],
  ["1.5", "", 0],
  ["soon", "", 0],
  ["Sun, 06 Nov 1994 08:49:37 GMT", "", 37_000],
  ["Sunday, 06-Nov-94 08:49:37 GMT", "", 37_000],
  ["Sun Nov  6 08:49:37 1994", "", 37_000],
  ["Sun, 06 Nov 1994 08:48:00 GMT", "", 0],
  // A server whose clock is an hour behind.
  ["Sun, 06 Nov 1994 07:49:37 GMT", "Sun, 06 Nov 1994 07:49:00 GMT", 37_000],
  ["Sun, 06 Nov 1994 08:49:37 GMT", "yesterday", 37_000],
])("Retry-After %j (Date %j) asks for %i ms", (header, date, expected) => {
  expect(retryAfterMs(header, date, NOW)).toBe(expected);
});
