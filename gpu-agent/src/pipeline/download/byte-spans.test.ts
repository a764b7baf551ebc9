import { describe, expect, it } from "vitest";
import {
  addSpan,
  type ByteSpan,
  bytesIn,
  limitOf,
  MIN_SPLIT_BYTES,
  nextSpan,
  prefixOf,
} from "./byte-spans.ts";

const UNIT = MIN_SPLIT_BYTES;

function spans(...edges: readonly (readonly [number, number])[]): ByteSpan[] {
  return edges.map(([from, to]) => ({ from, to }));
}

describe("addSpan", () => {
  it.each([
    ["to nothing", spans(), [3, 5], spans([3, 5])],
    ["before", spans([10, 20]), [0, 5], spans([0, 5], [10, 20])],
    ["after", spans([10, 20]), [30, 40], spans([10, 20], [30, 40])],
    ["touching on the left", spans([10, 20]), [5, 10], spans([5, 20])],
    ["touching on the right", spans([10, 20]), [20, 25], spans([10, 25])],
    ["closing a gap", spans([0, 10], [20, 30]), [10, 20], spans([0, 30])],
    ["over several", spans([0, 10], [20, 30], [40, 50]), [5, 45], spans([0, 50])],
    ["within", spans([0, 10]), [3, 5], spans([0, 10])],
    ["of no length", spans([0, 10]), [50, 50], spans([0, 10])],
  ] as const)("%s", (_, before, [from, to], after) => {
    expect(addSpan(before, { from, to })).toEqual(after);
  });
});

it("bytesIn and prefixOf count", () => {
  expect([bytesIn(spans()), bytesIn(spans([0, 10], [20, 25]))]).toEqual([0, 15]);
  expect([prefixOf(spans()), prefixOf(spans([0, 10], [20, 25])), prefixOf(spans([5, 9]))]).toEqual([
    0, 10, 0,
  ]);
});

describe("limitOf", () => {
  it.each([
    ["nothing ahead", 5, spans([0, 5]), [], Number.POSITIVE_INFINITY],
    ["received bytes", 5, spans([0, 5], [20, 30]), [], 20],
    ["another stream", 5, spans([0, 5], [20, 30]), [12, 3], 12],
    ["what has grown over it", 5, spans([0, 9]), [], 5],
    ["another stream that has reached it", 5, spans([0, 5]), [5], 5],
  ])("%s", (_, at, there, others, limit) => expect(limitOf(at, there, others)).toBe(limit));
});

describe("nextSpan", () => {
  it.each([
    ["a file without received bytes", 8 * UNIT, spans(), [], [0, 8 * UNIT]],
    ["the second half of what one stream fetches", 8 * UNIT, spans(), [0], [4 * UNIT, 8 * UNIT]],
    ["what is halfway to the end", 8 * UNIT, spans([0, 2 * UNIT]), [2 * UNIT], [5 * UNIT, 8 * UNIT]],
    ["the longer of two", 9 * UNIT, spans(), [0, 6 * UNIT], [3 * UNIT, 6 * UNIT]],
    ["a gap before a share, however small", 8 * UNIT, spans([5, 8 * UNIT]), [0], null],
    ["a gap", 8 * UNIT, spans([5, 8 * UNIT]), [], [0, 5]],
    ["a gap that nobody fills", 8 * UNIT, spans([0, 10], [20, UNIT]), [UNIT], [10, 20]],
    ["nothing where halves are too small", 2 * UNIT - 1, spans(), [0], null],
    ["none of the received bytes", 10, spans([0, 10]), [], null],
    ["nothing of an empty file", 0, spans(), [], null],
  ] as const)("%s", (_, total, there, busy, expected) => {
    const span = expected === null ? null : { from: expected[0], to: expected[1] };
    expect(nextSpan(total, there, busy)).toEqual(span);
  });

  it("gives eight streams an eighth each", () => {
    const busy: number[] = [];
    for (let i = 0; i < 8; i++) busy.push(nextSpan(64 * UNIT, [], busy)?.from ?? -1);
    expect(busy.toSorted((a, b) => a - b)).toEqual([0, 8, 16, 24, 32, 40, 48, 56].map((n) => n * UNIT));
  });

  it("keeps streams of different speeds busy nearly to the end and fetches each byte once", () => {
    const total = 200 * UNIT;
    const rates = [1, 1, 2, 3, 5, 8, 13, 21].map((rate) => (rate * UNIT) / 16);
    let there: ByteSpan[] = [];
    const at: (number | null)[] = rates.map(() => null);
    const busy = (except?: number) => at.flatMap((p, i) => (p === null || i === except ? [] : [p]));
    let ticks = 0;
    let idle = 0;
    for (; bytesIn(there) < total; ticks++) {
      rates.forEach((rate, i) => {
        let position = at[i] ?? nextSpan(total, there, busy())?.from ?? null;
        if (position === null) {
          idle++;
          return;
        }
        const to = Math.min(position + rate, total, limitOf(position, there, busy(i)));
        const before = bytesIn(there);
        there = addSpan(there, { from: position, to });
        expect(bytesIn(there) - before).toBe(to - position);
        position = to;
        const ended = position === total || limitOf(position, there, busy(i)) === position;
        at[i] = ended ? null : position;
      });
    }
    expect(idle / (8 * ticks)).toBeLessThan(0.15);
  });
});
