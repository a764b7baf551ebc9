import { describe, expect, it } from "vitest";
import { INPUT, OUTPUT, output, runKernel } from "../testing/run-kernel.ts";
import { ConstantPool } from "./constant-pool.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import type { F32x4, I32 } from "./values.ts";

/** Runs an integer function of two arguments. */
function integer(body: (a: I32, b: I32, k: KernelBuilder) => I32, a: number, b: number): unknown {
  return runKernel(
    (k) => {
      const [x, y] = [k.paramI32(), k.paramI32()];
      k.return(body(x, y, k));
    },
    [a, b],
  ).result;
}

/** Runs a function of three vectors. */
function vector(
  body: (a: F32x4, b: F32x4, c: F32x4, k: KernelBuilder) => F32x4,
  a: number[],
  b = [0, 0, 0, 0],
  c = [0, 0, 0, 0],
): number[] {
  const { floats } = runKernel(
    (k) => {
      const input = k.i32(INPUT);
      const result = body(input.loadF32x4(), input.loadF32x4(16), input.loadF32x4(32), k);
      k.i32(OUTPUT).storeF32x4(result);
    },
    [],
    [...a, ...b, ...c],
  );
  return output(floats, 4);
}

describe("integers", () => {
  it.each<[string, (a: I32, b: I32) => I32, number, number, number]>([
    ["add", (a, b) => a.add(b), 7, -9, -2],
    ["sub", (a, b) => a.sub(b), 7, -9, 16],
    ["mul", (a, b) => a.mul(b), 7, -9, -63],
    ["div", (a, b) => a.div(b), -7, 2, -3],
    ["and", (a, b) => a.and(b), 12, 10, 8],
    ["or", (a, b) => a.or(b), 12, 10, 14],
    ["lt", (a, b) => a.lt(b), -1, 1, 1],
    ["gt", (a, b) => a.gt(b), -1, 1, 0],
    ["ge", (a, b) => a.ge(b), 1, 1, 1],
    ["not", (a) => a.not(), 0, 0, 1],
    ["min", (a, b) => a.min(b), -3, 4, -3],
    ["max", (a, b) => a.max(b), -3, 4, 4],
    ["shiftLeft", (a) => a.shiftLeft(3), -5, 0, -40],
    ["shiftRight", (a) => a.shiftRight(1), -2, 0, 0x7fffffff],
    ["large constants", (a) => a.add(123456789), 1, 0, 123456790],
    ["negative constants", (a) => a.add(-64), 1, 0, -63],
  ])("%s", (_, body, a, b, expected) => {
    expect(integer(body, a, b)).toBe(expected);
  });

  it("go to and from floats", () => {
    expect(integer((a) => a.toF32().mul(0.5).add(0.3).sqrt().toI32(), 100, 0)).toBe(7);
    expect(integer((a) => a.toF32().mul(1e20).toI32(), -1, 0)).toBe(-(2 ** 31));
  });
});

describe("control flow", () => {
  it("loops from, to, step, and not at all", () => {
    const sum = (a: I32, b: I32, k: KernelBuilder) => {
      const total = k.variable(k.i32(0));
      k.for(a, b, 3, (i) => total.set(total.add(i)));
      return total;
    };
    expect(integer(sum, 1, 8)).toBe(1 + 4 + 7);
    expect(integer(sum, 8, 8)).toBe(0);
  });

  it("breaks and continues, also from within a branch", () => {
    const body = (a: I32, b: I32, k: KernelBuilder) => {
      const total = k.variable(k.i32(0));
      k.for(0, 100, 1, (i, loop) => {
        k.if(i.gt(a), () => loop.breakIf(i.gt(b)));
        loop.continueIf(i.and(1));
        total.set(total.add(i));
      });
      return total;
    };
    expect(integer(body, 3, 7)).toBe(0 + 2 + 4 + 6);
  });

  it("branches", () => {
    const body = (a: I32, _: I32, k: KernelBuilder) => {
      const result = k.variable(k.i32(0));
      k.if(
        a.lt(0),
        () => result.set(k.i32(-1)),
        () => result.set(k.i32(1)),
      );
      return result;
    };
    expect([integer(body, -5, 0), integer(body, 5, 0)]).toEqual([-1, 1]);
  });

  it("keeps values read before a variable changed", () => {
    const body = (a: I32, _: I32, k: KernelBuilder) => {
      const x = k.variable(a);
      const before = x.add(0);
      x.set(x.add(1));
      return x.mul(100).add(before);
    };
    expect(integer(body, 3, 0)).toBe(403);
  });
});

describe("vectors", () => {
  const [a, b, c] = [
    [1, -2, 3.5, 4],
    [2, 2, -1, 0.5],
    [10, 20, 30, 40],
  ];

  it.each<[string, (a: F32x4, b: F32x4, c: F32x4) => F32x4, number[]]>([
    ["add", (a, b) => a.add(b), [3, 0, 2.5, 4.5]],
    ["sub", (a, b) => a.sub(b), [-1, -4, 4.5, 3.5]],
    ["mul", (a, b) => a.mul(b), [2, -4, -3.5, 2]],
    ["div", (a, b) => a.div(b), [0.5, -1, -3.5, 8]],
    ["min", (a, b) => a.min(b), [1, -2, -1, 0.5]],
    ["max", (a, b) => a.max(b), [2, 2, 3.5, 4]],
    ["madd", (a, b, c) => a.madd(b, c), [12, 16, 26.5, 42]],
    ["nmadd", (a, b, c) => a.nmadd(b, c), [8, 24, 33.5, 38]],
    ["neg and abs", (a) => a.neg().add(a.abs()), [0, 4, 0, 0]],
    ["floor and ceil", (_, b) => b.mul(0.7).floor().add(b.mul(0.7).ceil()), [3, 3, -1, 1]],
    ["constants", (a) => a.mul(2).add(0.25), [2.25, -3.75, 7.25, 8.25]],
    ["where", (a, b) => a.where(a.gt(b)), [0, 0, 3.5, 4]],
    ["select", (a, b, c) => a.lt(b).select(a, c), [1, -2, 30, 40]],
    ["shuffle", (a, b) => a.shuffle(b, [3, 4, 0, 7]), [4, 2, 1, 0.5]],
    ["lane and splat", (a) => a.lane(2).splat(), [3.5, 3.5, 3.5, 3.5]],
    ["rounding to integers", (a) => a.toI32x4().toF32x4(), [1, -2, 3, 4]],
  ])("%s", (_, body, expected) => {
    expect(vector(body, a as number[], b, c)).toEqual(expected);
  });

  it("takes the other operand of min and max where this one is NaN", () => {
    expect(vector((x, y) => x.min(y), [Number.NaN, 1, 2, 3], [5, 5, 5, 5])).toEqual([5, 1, 2, 3]);
    expect(vector((x, y) => x.max(y), [Number.NaN, 1, 2, 3], [0, 5, 0, 5])).toEqual([0, 5, 2, 5]);
  });

  it("loads bytes as numbers, and as a mask", () => {
    const { ints, floats } = runKernel((k) => {
      k.i32(INPUT).storeI32(k.i32(0x0300ff7f), 0);
      k.i32(OUTPUT).storeF32x4(k.i32(INPUT).loadBytes(), 0);
      k.i32(OUTPUT).storeF32x4(k.i32(INPUT).loadByteMask(), 16);
    });
    expect(output(floats, 4)).toEqual([127, 255, 0, 3]);
    expect([...ints.subarray(OUTPUT / 4 + 4, OUTPUT / 4 + 8)]).toEqual([-1, -1, 0, -1]);
  });

  it("adds atomically, and stores integer lanes", () => {
    const { ints } = runKernel((k) => {
      k.i32(OUTPUT).atomicAdd(k.i32(5), 4);
      k.i32(OUTPUT).atomicAdd(k.i32(-2), 4);
      const lanes = k.i32x4(7).addI32(k.i32x4(-9)).max(-1);
      k.i32(OUTPUT).storeI32(lanes.lane(3), 8);
    });
    expect([ints[OUTPUT / 4 + 1], ints[OUTPUT / 4 + 2]]).toEqual([3, -1]);
  });
});

it("refuses a parameter after the first local", () => {
  expect(() =>
    runKernel((k) => {
      k.i32(1);
      k.paramI32();
    }),
  ).toThrow("Parameters come before");
});

it("stores equal constants once, and throws when full", () => {
  const pool = new ConstantPool(64, 32);
  expect([pool.addressOf([1, 2, 3, 4]), pool.addressOf([0, 0, 0, 0]), pool.addressOf([1, 2, 3, 4])]).toEqual([
    64, 80, 64,
  ]);
  expect(() => pool.addressOf([5, 5, 5, 5])).toThrow("full");
});
