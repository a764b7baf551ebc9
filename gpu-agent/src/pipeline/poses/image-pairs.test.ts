import { describe, expect, it } from "vitest";
import { choosePairs, pairKey } from "./image-pairs.ts";

const names = (from: number, count: number) => Array.from({ length: count }, (_, i) => `f${from + i}`);

describe("choosePairs", () => {
  it("takes each pair once, without those done", () => {
    const pairs = choosePairs(names(0, 4), new Set([pairKey("f2", "f0")]), null, 100);
    expect(pairs.map(([a, b]) => pairKey(a, b)).toSorted()).toEqual([
      "f0 f1",
      "f0 f3",
      "f1 f2",
      "f1 f3",
      "f2 f3",
    ]);
  });

  it("takes only pairs with one of the given frames", () => {
    const pairs = choosePairs(names(0, 5), new Set(), new Set(["f3"]), 100);
    expect(pairs).toHaveLength(4);
    expect(pairs.every((pair) => pair.includes("f3"))).toBe(true);
  });

  it("takes neighbours and distant pairs when there are too many", () => {
    const pairs = choosePairs(names(0, 100), new Set(), null, 200);
    const apart = pairs.map(([a, b]) => Number(b.slice(1)) - Number(a.slice(1)));
    expect(new Set(pairs.map(([a, b]) => pairKey(a, b))).size).toBe(200);
    expect(apart.filter((distance) => distance <= 2).length).toBeGreaterThanOrEqual(100);
    expect(apart.filter((distance) => distance > 30).length).toBeGreaterThan(30);
  });
});
