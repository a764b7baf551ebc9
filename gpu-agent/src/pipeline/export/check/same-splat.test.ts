import { emptySplatCloud, type SplatCloud } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { matrixOf, TO_WEB_FRAME } from "../web-frame.ts";
import { sampleOf, splatDifference } from "./same-splat.ts";

const COUNT = 12_000;
const UNTURNED = matrixOf({ axis: "x", degrees: 0 });

function cloud(change: (cloud: SplatCloud) => void = () => undefined): SplatCloud {
  const made = emptySplatCloud(COUNT, 0);
  for (let i = 0; i < COUNT; i++) {
    made.positions.set([Math.sin(i), 0.5 + Math.cos(2 * i), 3 + 0.1 * Math.sin(3 * i)], 3 * i);
    made.opacities[i] = 3 * Math.sin(5 * i);
    made.dc.set([Math.sin(7 * i), 1, -1], 3 * i);
  }
  change(made);
  return made;
}

function difference(change: (cloud: SplatCloud) => void): string | null {
  return splatDifference(sampleOf(cloud(), UNTURNED), sampleOf(cloud(change), UNTURNED));
}

describe("splatDifference", () => {
  it("allows another order, and what bytes round away", () => {
    expect(
      difference(({ positions, opacities, dc }) => {
        for (const [values, width] of [
          [positions, 3],
          [opacities, 1],
          [dc, 3],
        ] as const) {
          const half = width * Math.floor(COUNT / 3);
          const moved = [...values.subarray(half), ...values.subarray(0, half)];
          values.set(moved.map((value) => Math.round(value * 200) / 200));
        }
      }),
    ).toBe(null);
  });

  it.each([
    ["positions", "zeros", (made: SplatCloud) => made.positions.fill(0)],
    ["positions", "no numbers", (made: SplatCloud) => made.positions.fill(Number.NaN)],
    [
      "positions",
      "twice as large",
      (made: SplatCloud) => made.positions.set(made.positions.map((x) => 2 * x)),
    ],
    ["opacities", "all transparent", (made: SplatCloud) => made.opacities.fill(-9)],
    [
      "opacities",
      "taken for logits",
      (made: SplatCloud) => made.opacities.set(made.opacities.map((x) => 1 / (1 + Math.exp(-x)))),
    ],
    ["colours", "all grey", (made: SplatCloud) => made.dc.fill(0)],
  ])("notices %s that are %s", (what, _, change) => {
    expect(difference(change)).toBe(what);
  });

  it.each([
    ["a flat splat", [1, 1, 0]],
    ["a single gaussian", [0, 0, 0]],
  ] as const)("allows what the steps of a format round away of %s", (_, size) => {
    const scaled = (step: number) =>
      cloud(({ positions }) =>
        positions.forEach((value, i) => {
          positions[i] = Math.round(((size[i % 3] ?? 0) * value + 0.7) / step) * step;
        }),
      );
    const [original, converted] = [1e-6, 1 / 4096].map((step) => sampleOf(scaled(step), UNTURNED));
    if (original === undefined || converted === undefined) throw new Error("two samples");
    expect(splatDifference(original, converted)).toBe(null);
  });

  it("notices a splat that is not turned", () => {
    const turned = sampleOf(cloud(), matrixOf(TO_WEB_FRAME["+z"]));
    expect(splatDifference(turned, sampleOf(cloud(), UNTURNED))).toBe("positions");
    expect(splatDifference(turned, turned)).toBe(null);
  });
});
