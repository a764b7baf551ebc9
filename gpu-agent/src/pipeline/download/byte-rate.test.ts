import { describe, expect, it } from "vitest";
import { ByteRate } from "./byte-rate.ts";

describe("ByteRate", () => {
  it("is the rate of the last seconds", () => {
    const rate = new ByteRate();
    expect(rate.perSecond()).toBe(0);
    rate.add(0, 0);
    rate.add(1000, 1_000_000);
    expect(rate.perSecond()).toBe(1_000_000);
    // Ten slow seconds later nothing of the fast one is left.
    for (let s = 2; s <= 12; s++) rate.add(1000 * s, 1_000_000 + 1000 * s);
    expect(rate.perSecond()).toBeCloseTo(1000);
  });

  it("restarts with a restarted download", () => {
    const rate = new ByteRate();
    rate.add(0, 0);
    rate.add(1000, 500);
    rate.add(2000, 0);
    expect(rate.perSecond()).toBe(0);
    rate.add(3000, 700);
    expect(rate.perSecond()).toBe(700);
  });
});
