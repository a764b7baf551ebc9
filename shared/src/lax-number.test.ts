import { expect, it } from "vitest";
import { z } from "zod";
import { laxNumber } from "./lax-number.ts";

const Lax = laxNumber(z.number());

it.each([
  [5, 5],
  ["5", 5],
  [" -5.0 ", -5],
  ["1e3", 1000],
  [".5", 0.5],
])("takes %j as a number", (value, number) => {
  expect(Lax.parse(value)).toBe(number);
});

it.each(["", " ", "\u00a0", "0x10", "0b1", "Infinity", "1e999", "1_000", "5,0", "five", true, null, [5]])(
  "refuses %j",
  (value) => {
    expect(Lax.safeParse(value).success).toBe(false);
  },
);
