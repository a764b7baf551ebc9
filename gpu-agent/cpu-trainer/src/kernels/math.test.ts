import { expect, it } from "vitest";
import { INPUT, OUTPUT, output, runKernel } from "../testing/run-kernel.ts";
import type { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { F32x4 } from "../wasm/values.ts";
import { exp, exp2, laneSums, log2, sigmoid, transpose4 } from "./math.ts";

function map(values: readonly number[], body: (k: KernelBuilder, x: F32x4) => F32x4): number[] {
  const { floats } = runKernel(
    (k) => {
      k.for(0, values.length * 4, 16, (at) => at.storeF32x4(body(k, at.loadF32x4(INPUT)), OUTPUT));
    },
    [],
    values,
  );
  return output(floats, values.length);
}

/** 256 numbers from `low` to `high`, as 32-bit floats. */
function range(low: number, high: number): number[] {
  return Array.from({ length: 256 }, (_, i) => Math.fround(low + ((high - low) * i) / 255));
}

it.each<[string, (k: KernelBuilder, x: F32x4) => F32x4, (x: number) => number, number, number]>([
  ["exp2", exp2, (x) => 2 ** x, -125, 125],
  ["exp", exp, Math.exp, -79, 79],
  ["sigmoid", sigmoid, (x) => 1 / (1 + Math.exp(-x)), -40, 40],
])("%s is exact to a millionth", (_, kernel, exact, low, high) => {
  const values = range(low, high);
  const worst = map(values, kernel).map((value, i) => Math.abs(value / exact(values[i] as number) - 1));
  // Rounding x · log2(e) alone contributes an error of |x| times half a unit in the last place.
  expect(Math.max(...worst)).toBeLessThan(1e-5);
  expect(
    Math.max(
      ...map(range(-1, 1), kernel).map((value, i) => Math.abs(value / exact(range(-1, 1)[i] as number) - 1)),
    ),
  ).toBeLessThan(4e-7);
});

it("log2 is exact to a ten-millionth, around 1 too", () => {
  for (const values of [range(1e-3, 1), range(0.9, 1.1), range(1, 1e6)]) {
    const worst = map(values, log2).map((value, i) => Math.abs(value - Math.log2(values[i] as number)));
    expect(Math.max(...worst)).toBeLessThan(2e-6);
  }
});

it("exp clamps its argument to the range with finite results", () => {
  expect(map([1000, -1000, 80, -80], exp)).toEqual(map([80, -80, 80, -80], exp));
});

it("transposes, and sums the lanes", () => {
  const { floats } = runKernel(
    (k) => {
      const rows = [0, 16, 32, 48].map((at) => k.i32(INPUT).loadF32x4(at)) as [F32x4, F32x4, F32x4, F32x4];
      transpose4(...rows).forEach((row, i) => {
        k.i32(OUTPUT).storeF32x4(row, 16 * i);
      });
      k.i32(OUTPUT).storeF32x4(laneSums(...rows), 64);
    },
    [],
    Array.from({ length: 16 }, (_, i) => i),
  );
  expect(output(floats, 20)).toEqual([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 6, 22, 38, 54]);
});
