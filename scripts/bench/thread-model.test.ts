import { expect, it } from "vitest";
import { passTime, speedUp } from "./thread-model.ts";

it.each([
  ["one thread", [1, 2, 3], 1, 6],
  ["equal tasks", [1, 1, 1, 1], 2, 2],
  ["a long task at the end", [1, 1, 4], 2, 5],
  ["a long task at the beginning", [4, 1, 1], 2, 4],
  ["more threads than tasks", [2, 3], 8, 3],
  ["no task", [], 4, 0],
])("the time of a pass: %s", (_, tasks, threads, expected) => {
  expect(passTime(tasks, threads)).toBe(expected);
});

it("a pass of one task limits the speed-up, and so do the barriers", () => {
  const passes = [Array(90).fill(1), [10]];
  expect(speedUp(passes, 1, 1)).toBe(1);
  expect(speedUp(passes, 9, 0)).toBeCloseTo(5, 9);
  expect(speedUp(passes, 9, 2.5)).toBeCloseTo(4, 9);
});
