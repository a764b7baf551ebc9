import { describe, expect, it } from "vitest";
import { hash } from "./noise.ts";
import { box, cylinder, type Hit, type Shape, type SurfacePoint, sphere } from "./shapes.ts";

const SHAPES: readonly (readonly [string, Shape, readonly [number, number, number]])[] = [
  ["a box", box([1, 2, 3], [2, 1, 0.5]), [1, 2, 3]],
  ["a turned box", box([1, 2, 3], [2, 1, 0.5], 33), [1, 2, 3]],
  ["a sphere", sphere([-1, 0.5, 2], 0.8), [-1, 0.5, 2]],
  ["a cylinder", cylinder([0, 1, 0], 2, 0.5), [0, 1, 1]],
  ["a cone frustum", cylinder([0, 1, 0], 2, 0.3, 0.9), [0, 1, 1]],
];

function newHit(): Hit {
  return { t: Number.POSITIVE_INFINITY, shape: -1, face: -1, u: 0, v: 0, cosine: 0 };
}

/** Rays from all around that pass near `target`. */
function rays(target: readonly [number, number, number]) {
  return Array.from({ length: 400 }, (_, i) => {
    const from = [0, 1, 2].map((k) => (target[k] ?? 0) + 12 * (hash(i, k, 1) - 0.5));
    const to = [0, 1, 2].map((k) => (target[k] ?? 0) + 1.6 * (hash(i, k, 2) - 0.5));
    const d = from.map((value, k) => (to[k] ?? 0) - value);
    const length = Math.hypot(...d);
    return {
      o: from as [number, number, number],
      d: d.map((value) => value / length) as [number, number, number],
    };
  });
}

describe.each(SHAPES)("%s", (_, shape, target) => {
  it("is hit on its surface, at the right angle", () => {
    let hits = 0;
    const point: SurfacePoint = { x: 0, y: 0, z: 0, nx: 0, ny: 0, nz: 0 };
    for (const { o, d } of rays(target)) {
      const hit = newHit();
      if (!shape.intersect(...o, ...d, hit, 5)) {
        expect(hit).toEqual(newHit());
        continue;
      }
      hits++;
      expect(hit.shape).toBe(5);
      shape.pointAt(hit.face, hit.u, hit.v, point);
      expect(point.x).toBeCloseTo(o[0] + d[0] * hit.t, 6);
      expect(point.y).toBeCloseTo(o[1] + d[1] * hit.t, 6);
      expect(point.z).toBeCloseTo(o[2] + d[2] * hit.t, 6);
      expect(hit.cosine).toBeCloseTo(-(d[0] * point.nx + d[1] * point.ny + d[2] * point.nz), 6);
      expect(Math.hypot(point.nx, point.ny, point.nz)).toBeCloseTo(1, 9);
      const { x, y, z, radius } = shape.bound;
      expect(Math.hypot(point.x - x, point.y - y, point.z - z)).toBeLessThan(radius + 1e-9);
    }
    expect(hits).toBeGreaterThan(50);
  });

  it("is not hit behind a nearer surface", () => {
    for (const { o, d } of rays(target)) {
      const hit = newHit();
      if (!shape.intersect(...o, ...d, hit, 1)) continue;
      const nearer = { ...newHit(), t: hit.t * 0.999, shape: 9 };
      expect(shape.intersect(...o, ...d, nearer, 1)).toBe(false);
      expect(nearer.shape).toBe(9);
    }
  });
});

describe("a room", () => {
  it("is hit by every ray from inside, and lit from inside", () => {
    const room = box([0, 0, 2], [10, 8, 5], 0, true);
    const point: SurfacePoint = { x: 0, y: 0, z: 0, nx: 0, ny: 0, nz: 0 };
    for (let i = 0; i < 200; i++) {
      const d = [hash(i, 0, 3) - 0.5, hash(i, 1, 3) - 0.5, hash(i, 2, 3) - 0.5];
      const length = Math.hypot(...d);
      const [dx = 0, dy = 0, dz = 0] = d.map((value) => value / length);
      const hit = newHit();
      expect(room.intersect(0.5, -0.5, 1.5, dx, dy, dz, hit, 0)).toBe(true);
      room.pointAt(hit.face, hit.u, hit.v, point);
      expect(point.x).toBeCloseTo(0.5 + dx * hit.t, 6);
      expect(point.y).toBeCloseTo(-0.5 + dy * hit.t, 6);
      expect(point.z).toBeCloseTo(1.5 + dz * hit.t, 6);
      expect(hit.cosine).toBeCloseTo(-(dx * point.nx + dy * point.ny + dz * point.nz), 6);
    }
  });
});
