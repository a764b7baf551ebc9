import { expect, it } from "vitest";
import { aspectArguments, PixelAspects } from "./pixel-aspects.ts";

const shape = { width: 720, height: 576, pixelAspect: 2 };

function apply(lines: readonly string[], stamps: readonly (number | null)[]) {
  const aspects = new PixelAspects();
  for (const line of lines) aspects.add(line);
  return aspects
    .applyTo([{ from: 0, to: stamps.length, shape }], stamps)
    .map(({ from, to, shape: { pixelAspect } }) => [from, to, pixelAspect]);
}

const key = (stamp: number | string, aspect: string) =>
  `best_effort_timestamp=${stamp}|sample_aspect_ratio=${aspect}`;

it("splits the pictures where the pixel aspect ratio changes", () => {
  const stamps = [0, 1, 2, 3, 4, 5, 6, 7];
  expect(apply([key(0, "2:1"), key(2, "2:1"), key(4, "1:1"), key(6, "2:1")], stamps)).toEqual([
    [0, 4, 2],
    [4, 6, 1],
    [6, 8, 2],
  ]);
});

it("finds the pictures of a clock that starts again, and skips those that were not decoded", () => {
  expect(apply([key(0, "2:1"), key(9, "1:1"), key(0, "4:3")], [0, 2, 3, 0, 1])).toEqual([
    [0, 3, 2],
    [3, 5, 4 / 3],
  ]);
});

it("changes nothing where it stays, or is not known", () => {
  expect(apply([key(0, "2:1"), key(4, "2:1")], [0, 4])).toEqual([[0, 2, 2]]);
  expect(apply([key("N/A", "1:1")], [null, null])).toEqual([[0, 2, 2]]);
});

it("reads only the key pictures, and only of broadcasts and discs", () => {
  expect(aspectArguments("file:a.mp4", "mov,mp4,m4a,3gp,3g2,mj2", 0)).toBe(null);
  expect(aspectArguments("file:a.ts", "mpegts", 3)).toEqual(
    expect.arrayContaining(["-skip_frame", "nokey", "-select_streams", "3", "file:a.ts"]),
  );
});
