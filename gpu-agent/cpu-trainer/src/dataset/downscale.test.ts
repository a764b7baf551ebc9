import { expect, it } from "vitest";
import { AreaAverage, type Channel, type ColorImage } from "./downscale.ts";

const plane = (values: number[], width: number): Channel => ({
  bytes: Uint8Array.from(values),
  offset: 0,
  rowStep: width,
  pixelStep: 1,
});

/** The same plane for red, green and blue. */
const grey = (channel: Channel): ColorImage => ({ ...channel, channelStep: 0 });

function shrink(values: number[], from: [number, number], to: [number, number], valid = values.map(() => 1)) {
  const average = new AreaAverage(
    { width: from[0], height: from[1] },
    { width: to[0], height: to[1] },
    plane(valid, from[0]),
  );
  const [target, mask] = [
    plane(new Array(to[0] * to[1]).fill(7), to[0]),
    plane(new Array(to[0] * to[1]).fill(7), to[0]),
  ];
  average.apply(grey(plane(values, from[0])), grey(target));
  average.applyToMask(mask);
  return { target: [...target.bytes], mask: [...mask.bytes] };
}

it("averages whole blocks", () => {
  const values = [0, 10, 100, 200, 20, 30, 120, 220];
  expect(shrink(values, [4, 2], [2, 1])).toEqual({ target: [15, 160], mask: [255, 255] });
});

it("shares pixels that lie in two blocks", () => {
  // Each target pixel covers one and a half source pixels.
  expect(shrink([30, 60, 90], [3, 1], [2, 1]).target).toEqual([40, 80]);
});

it("averages over the valid pixels only, and keeps what is at least half valid", () => {
  const values = [0, 10, 100, 200, 20, 30, 120, 220];
  const { target, mask } = shrink(values, [4, 2], [2, 1], [1, 1, 0, 0, 0, 0, 0, 1]);
  expect(target).toEqual([5, 220]);
  expect(mask).toEqual([255, 0]);
});

it("reads interleaved channels and writes planes whose rows have a stride", () => {
  const valid = plane([1, 1, 1, 1], 2);
  const average = new AreaAverage({ width: 2, height: 2 }, { width: 1, height: 2 }, valid);
  const rgb = Uint8Array.from([1, 10, 100, 3, 20, 200, 5, 30, 50, 7, 40, 150]);
  const target = { bytes: new Uint8Array(14), offset: 2, rowStep: 2, pixelStep: 1, channelStep: 4 };
  average.apply({ bytes: rgb, offset: 0, rowStep: 6, pixelStep: 3, channelStep: 1 }, target);
  expect([...target.bytes]).toEqual([0, 0, 2, 0, 6, 0, 15, 0, 35, 0, 150, 0, 100, 0]);
});
