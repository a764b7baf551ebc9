import { expect, it } from "vitest";
import { DueTimes } from "./due-times.ts";

it("gives back what is due, the earliest first, each once", () => {
  const times = new DueTimes();
  // 0 to 96 in an order that is not sorted.
  for (let i = 0; i < 97; i++) times.add(`${(i * 31) % 97}`, (i * 31) % 97);
  expect(times.takeDue(-1)).toEqual([]);
  const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
  expect(times.takeDue(4)).toEqual(upTo(0, 5));
  times.add("again", 2);
  times.add("at the same time", 5);
  expect(times.takeDue(4)).toEqual(["again"]);
  expect(times.takeDue(5).toSorted()).toEqual(["5", "at the same time"]);
  expect(times.takeDue(1000)).toEqual(upTo(6, 97));
  expect(times.takeDue(1000)).toEqual([]);
});
