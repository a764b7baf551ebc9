import { expect, it } from "vitest";
import { canPlaceMore, type Fit, isBetter } from "./own-cameras.ts";

const fitted = (placed: number, observations: number, error: number): Fit => ({
  placed,
  observations,
  error,
});

it.each<[string, Fit, Fit, boolean]>([
  ["eleven photos, of which some are cropped", fitted(11, 3987, 0.97), fitted(11, 4314, 0.45), true],
  ["a somewhat better fit, as by chance", fitted(20, 4000, 0.96), fitted(20, 4100, 0.8), false],
  ["a better fit of less", fitted(11, 3987, 0.97), fitted(11, 3000, 0.45), false],
  ["fewer photos, fitted better", fitted(11, 3987, 0.97), fitted(10, 4314, 0.3), false],
  ["half of the photos, then all", fitted(6, 2000, 0.45), fitted(11, 4300, 0.45), true],
  ["no model, then one", fitted(0, 0, Number.POSITIVE_INFINITY), fitted(9, 900, 0.6), true],
])("after the first pass, a camera for each photo: %s", (_, before, after, better) => {
  expect(isBetter(before, after, false)).toBe(better);
});

it.each([
  [19, 23, false, false],
  [18, 23, false, true],
  [22, 23, true, true],
  [23, 23, true, false],
])("%i of %i photos are placed, last pass %s: worth a try %s", (placed, all, last, worth) => {
  expect(canPlaceMore(placed, all, last)).toBe(worth);
});

it("counts each photo after the last pass", () => {
  const [before, after] = [fitted(26, 4000, 0.5), fitted(27, 4100, 0.5)];
  expect([isBetter(before, after, true), isBetter(before, after, false)]).toEqual([true, false]);
});
