import { pinholeCamera } from "@splatt/cpu-trainer";
import { emptySplatCloud, type Matrix4, type SplatCloud } from "@splatt/formats";
import { Coverage, MAX_COVERAGE_CAMERAS, MAX_COVERAGE_CELLS } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { type CoverageView, measureCoverage } from "./measure-coverage.ts";

const SIDE = 64;
const INTRINSICS = {
  ...{ width: SIDE, height: SIDE, focalX: SIDE, focalY: SIDE, centerX: SIDE / 2, centerY: SIDE / 2 },
};

/** A camera at an angle about the z axis, at a distance, that looks at it. */
function view(degrees: number, changes: Partial<CoverageView> = {}, distance = 1): CoverageView {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const pose: Matrix4 = [
    [-sin, 0, cos, distance * cos],
    [cos, 0, sin, distance * sin],
    [0, 1, 0, 0],
    [0, 0, 0, 1],
  ];
  const frame = `${degrees}.jpg`;
  return { frame, heldOut: false, compared: null, camera: pinholeCamera(INTRINSICS, pose), ...changes };
}

const views = (...degrees: readonly number[]) => degrees.map((angle) => view(angle));

/** An upright cylinder about the origin, whose surface faces all sides. */
function cylinder(radius = 0.3, along = 120): SplatCloud {
  const cloud = emptySplatCloud(along * 20, 0);
  for (let i = 0; i < cloud.count; i++) {
    const angle = (2 * Math.PI * (i % along)) / along;
    const height = 0.3 * (Math.floor(i / along) / 10 - 1);
    cloud.positions.set([radius * Math.cos(angle), radius * Math.sin(angle), height], 3 * i);
    cloud.logScales.fill(Math.log(0.03), 3 * i, 3 * i + 3);
    cloud.opacities[i] = 4;
    cloud.rotations[4 * i] = 1;
  }
  return cloud;
}

/** The shares of the surface on the sides of +x and of −x that are badly covered. */
function sides({ grid, cells }: Coverage): Record<"front" | "back", number> {
  const share = (isFront: boolean) => {
    const some = cells.filter(({ at }) => {
      const x = grid.origin[0] + (at[0] + 0.5) * grid.size;
      return isFront ? x > 0.15 : x < -0.15;
    });
    const weight = some.reduce((sum, cell) => sum + cell.weight, 0);
    const bad = some.reduce((sum, cell) => sum + (cell.problem === null ? 0 : cell.weight), 0);
    return weight === 0 ? 1 : bad / weight;
  };
  return { front: share(true), back: share(false) };
}

describe("measureCoverage", () => {
  it("finds a turn around a subject well covered", () => {
    const coverage = measureCoverage(cylinder(), views(...Array.from({ length: 24 }, (_, i) => 15 * i)));
    expect(coverage.badly_covered).toBeLessThan(0.1);
    expect(Coverage.parse(coverage)).toEqual(coverage);
    expect(coverage.cells.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2);
  });

  it("names the side that one camera alone has seen, and that camera", () => {
    const coverage = measureCoverage(cylinder(), views(-40, -20, 0, 20, 40, 180));
    expect(sides(coverage).front).toBeLessThan(0.2);
    expect(sides(coverage).back).toBe(1);
    const behind = coverage.cells.filter(
      ({ problem, compass }) => problem === "few_cameras" && compass !== 0,
    );
    expect(behind.some(({ cameras }) => cameras === 1)).toBe(true);
    const shares = coverage.cameras.map(({ frame, badly_covered }) => [frame, badly_covered] as const);
    expect(shares.toSorted((a, b) => b[1] - a[1])[0]?.[0]).toBe("180.jpg");
  });

  it("lists no surface that no camera sees", () => {
    const inside = cylinder(0.05);
    const outside = cylinder();
    const both: SplatCloud = {
      ...outside,
      ...{ count: inside.count + outside.count },
      positions: Float32Array.from([...inside.positions, ...outside.positions]),
      logScales: Float32Array.from([...inside.logScales, ...outside.logScales]),
      opacities: Float32Array.from([...inside.opacities, ...outside.opacities]),
    };
    const turn = views(...Array.from({ length: 24 }, (_, i) => 15 * i));
    const listed = ({ cells }: Coverage) => cells.map(({ at }) => at.join());
    expect(listed(measureCoverage(both, turn))).toEqual(listed(measureCoverage(outside, turn)));
  });

  it("finds a surface that all cameras see from about the same side badly covered", () => {
    const { cells, badly_covered } = measureCoverage(cylinder(), views(-3, -1, 0, 1, 3));
    expect(badly_covered).toBe(1);
    expect(cells.filter(({ problem }) => problem === "one_side").length).toBeGreaterThan(10);
  });

  it("says from which sides a cell is seen", () => {
    const { cells, grid } = measureCoverage(cylinder(), views(25, 35, 55, 65));
    const corner = cells.find(({ at: [x, y] }) => {
      const [dx, dy] = [x - (0 - grid.origin[0]) / grid.size, y - (0 - grid.origin[1]) / grid.size];
      return dx > 2 && dy > 2 && Math.abs(dx - dy) < 1;
    });
    expect(corner).toMatchObject({ cameras: 4, compass: 0b11, problem: null });
    expect(corner?.spread_degrees).toBeGreaterThan(45);
  });

  it("counts held-out frames for the comparison alone, and finds where they differ", () => {
    const photo = { pixels: new Uint8Array(3 * SIDE ** 2), valid: new Uint8Array(SIDE ** 2).fill(1) };
    const half = (value: number) =>
      photo.pixels.map((_, i) => (Math.floor(i / 3) % SIDE < SIDE / 2 ? value : 2));
    const all = views(...Array.from({ length: 24 }, (_, i) => 15 * i));
    const compared = { photo, rendering: half(200), psnr: 5 };
    const { cells, cameras, grid } = measureCoverage(cylinder(), [
      ...all,
      view(1, { heldOut: true, compared }),
    ]);
    expect(cameras.find(({ held_out }) => held_out)).toMatchObject({ frame: "1.jpg", psnr: 5 });
    const wrong = cells.filter(({ problem }) => problem === "differs");
    // The left half of the picture of a camera on +x shows the side of −y.
    expect(wrong.length).toBeGreaterThan(5);
    for (const { at, psnr } of wrong) {
      expect(psnr).toBeLessThan(18);
      expect(grid.origin[1] + at[1] * grid.size).toBeLessThan(0.05);
    }
    expect(cells.some(({ psnr }) => psnr !== null && psnr > 40)).toBe(true);
  });

  it("is bounded, and empty for a splat that no camera sees", () => {
    const noise = emptySplatCloud(40_000, 0);
    noise.positions.forEach((_, i) => {
      noise.positions[i] = 2 * Math.sin(i * i);
    });
    noise.logScales.fill(Math.log(0.02));
    noise.opacities.fill(0);
    const many = Array.from({ length: 700 }, (_, i) => view(i / 2));
    const coverage = measureCoverage(noise, many);
    expect(coverage.cells.length).toBeLessThanOrEqual(MAX_COVERAGE_CELLS);
    expect(coverage.cameras.length).toBe(MAX_COVERAGE_CAMERAS);
    expect(JSON.stringify(coverage).length).toBeLessThan(400_000);
    const none = measureCoverage(emptySplatCloud(0, 0), views(0, 90));
    expect(Coverage.parse(none)).toMatchObject({ cells: [], badly_covered: 0 });
  });
});
