import { expect, it } from "vitest";
import { Paced } from "./paced.ts";

it("is always due without an interval", () => {
  const paced = new Paced(0, 0.02, 0);
  paced.done(0, 1000);
  expect(paced.isDue(1001)).toBe(true);
});

it("keeps the interval, and extends it when the work exceeds its share", () => {
  const paced = new Paced(1000, 0.02, 500);
  expect(paced.isDue(1499)).toBe(false);
  expect(paced.isDue(1500)).toBe(true);
  paced.done(1500, 1510);
  expect(paced.isDue(2509)).toBe(false);
  expect(paced.isDue(2510)).toBe(true);
  paced.done(2510, 2610);
  expect(paced.isDue(2610 + 4999)).toBe(false);
  expect(paced.isDue(2610 + 5000)).toBe(true);
});
