import type { Matrix4, PosedFrame } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { splitFrames } from "./held-out.ts";

/** A camera on a circle of radius 1 about the origin, at an angle in degrees, that looks at the origin. */
function camera(index: number, degrees: number, shift = 0): PosedFrame {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const transform_matrix: Matrix4 = [
    [cos, 0, sin, sin + shift],
    [0, 1, 0, 0],
    [-sin, 0, cos, cos],
    [0, 0, 0, 1],
  ];
  return { file_path: `images/${index}`, transform_matrix };
}

const orbit = (count: number, stepDegrees = 5) =>
  Array.from({ length: count }, (_, i) => camera(i, i * stepDegrees));
const heldOut = (frames: PosedFrame[], pictures?: Uint8Array[]) =>
  splitFrames(frames, pictures).test_filenames.map((file) => Number(file.slice(7)));
/** A distinct picture for each number. */
const picture = (seed: number) => Uint8Array.from({ length: 2304 }, (_, i) => (i * (seed + 3) * 37) % 251);

describe("splitFrames", () => {
  it.each([
    [4, []],
    [5, [4]],
    [12, [4]],
    [13, [4, 12]],
    [40, [4, 12, 20, 28, 36]],
  ])("holds out the middle one of every 8 of %i distinct frames", (count, held) => {
    expect(heldOut(orbit(count))).toEqual(held);
  });

  it("puts every frame on exactly one side", () => {
    const frames = orbit(20);
    const { train_filenames, test_filenames } = splitFrames(frames);
    expect([...train_filenames, ...test_filenames].toSorted()).toEqual(
      frames.map(({ file_path }) => file_path).toSorted(),
    );
  });

  it("holds out all copies of a frame, when every frame comes three times", () => {
    const frames = Array.from({ length: 24 }, (_, i) => camera(i, 5 * Math.floor(i / 3), 0.001 * (i % 3)));
    expect(heldOut(frames)).toEqual([12, 13, 14]);
  });

  it("leaves a still stretch in training, and holds out a neighbour", () => {
    const frames = [
      ...orbit(4),
      ...Array.from({ length: 9 }, (_, i) => camera(4 + i, 20)),
      camera(13, 25),
      camera(14, 30),
    ];
    const held = heldOut(frames);
    expect(held).toEqual([3]);
  });

  it("treats a frame that returns to an earlier place as a duplicate", () => {
    const frames = [...orbit(12), ...Array.from({ length: 12 }, (_, i) => camera(12 + i, 5 * i, 0.002))];
    const held = new Set(heldOut(frames));
    for (let i = 0; i < 12; i++) expect(held.has(i)).toBe(held.has(i + 12));
    expect(held.size).toBeGreaterThan(0);
  });

  it("treats identical pictures as duplicates although COLMAP placed them slightly apart", () => {
    const frames = Array.from({ length: 16 }, (_, i) => camera(i, 5 * Math.floor(i / 2), 0.02 * (i % 2)));
    const pictures = frames.map((_, i) => picture(Math.floor(i / 2)));
    expect(heldOut(frames, pictures)).toEqual([8, 9]);
    expect(
      heldOut(
        frames,
        frames.map((_, i) => picture(i)),
      ),
    ).toEqual([4, 12]);
  });

  it("does not treat identical pictures from different sides as duplicates", () => {
    const frames = orbit(8, 40);
    expect(
      heldOut(
        frames,
        frames.map(() => picture(0)),
      ),
    ).toEqual([4]);
  });

  it("holds nothing out when all frames show the same", () => {
    expect(heldOut(Array.from({ length: 30 }, (_, i) => camera(i, 0)))).toEqual([]);
  });

  it("keeps frames of a slow, dense capture apart", () => {
    expect(heldOut(orbit(400, 0.9))).toHaveLength(50);
  });
});
