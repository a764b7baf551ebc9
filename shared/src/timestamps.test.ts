import { expect, it } from "vitest";
import { naiveUtc, offsetUtc } from "./timestamps.ts";

it("timestamps are UTC to the second, with and without an offset", () => {
  const at = Date.UTC(2024, 1, 22, 10, 30, 0, 999);
  expect(naiveUtc(at)).toBe("2024-02-22T10:30:00");
  expect(offsetUtc(at)).toBe("2024-02-22T10:30:00+00:00");
});
