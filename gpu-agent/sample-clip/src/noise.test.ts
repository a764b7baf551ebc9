import { describe, expect, it } from "vitest";
import { fractalNoise, hash, noise, smoothstep } from "./noise.ts";

describe("the noise", () => {
  it("is the same on every machine", () => {
    expect(hash(1, 2, 3)).toBe(hash(1, 2, 3));
    expect([hash(0, 0, 1), hash(-5, 7, 2)].map((value) => Math.round(value * 1e6))).toMatchInlineSnapshot(`
      [
        542168,
        478387,
      ]
    `);
  });

  it("is spread evenly", () => {
    const values = Array.from({ length: 4000 }, (_, i) => hash(i % 63, Math.floor(i / 63), 5));
    for (const from of [0, 0.25, 0.5, 0.75]) {
      const share = values.filter((value) => value >= from && value < from + 0.25).length / values.length;
      expect(share).toBeCloseTo(0.25, 1);
    }
  });

  it("stays within 0 and 1, meets the lattice, and does not jump", () => {
    for (let i = 0; i < 500; i++) {
      const [x, y, z] = [20 * hash(i, 0, 0) - 10, 20 * hash(i, 1, 0) - 10, 20 * hash(i, 2, 0) - 10];
      for (const value of [noise(x, y, z), fractalNoise(x, y, z, 4)]) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      }
      expect(Math.abs(noise(x, y, z) - noise(x + 1e-4, y, z))).toBeLessThan(1e-3);
    }
    expect(noise(3, -4, 5)).toBe(hash(3, -4, 5));
  });
});

it("smoothstep rises from 0 to 1", () => {
  expect([-1, 2, 3, 4, 9].map((x) => smoothstep(2, 4, x))).toEqual([0, 0, 0.5, 1, 1]);
});
