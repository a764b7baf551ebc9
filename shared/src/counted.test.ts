import { expect, it } from "vitest";
import { counted } from "./counted.ts";

it.each([
  [0, "0 jobs"],
  [1, "1 job"],
  [2000, "2,000 jobs"],
])("%d", (count, text) => {
  expect(counted(count, "job")).toBe(text);
});
