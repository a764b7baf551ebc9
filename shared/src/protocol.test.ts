import { expect, it } from "vitest";
import { sameMajor } from "./protocol.ts";

it.each([
  ["1.0", "1.9", true],
  ["1.0", "2.0", false],
  ["1.0", "10.0", false],
])("protocols %s and %s: %s", (a, b, same) => {
  expect(sameMajor(a, b)).toBe(same);
});
