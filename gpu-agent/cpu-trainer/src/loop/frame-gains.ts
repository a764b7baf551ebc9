import type { Rgb } from "../dataset/exposure.ts";

/*
 * The gains of the training frames, where the exposure changes between them. They begin as measured on the sparse
 * points, and follow the rendering: the gain that makes it most like the photo, by least squares, alternates with the
 * steps on the gaussians. Their geometric mean stays 1, or the scene could become brighter while all gains fall.
 */

/** How far a gain moves towards the value that the latest rendering of its frame asks for. */
const RATE = 0.3;

/**
 * Moves a frame's gain, and keeps the mean of all.
 *
 * @param ratio by which the photo, divided by its gain, is brighter than the rendering
 */
export function withMovedGain(gains: readonly Rgb[], frame: number, ratio: Rgb): Rgb[] {
  const moved = gains.map((gain, i) => (i === frame ? perChannel((c) => gain[c] * ratio[c] ** RATE) : gain));
  const mean = perChannel((c) =>
    Math.exp(moved.reduce((sum, gain) => sum + Math.log(gain[c]), 0) / moved.length),
  );
  return moved.map((gain) => perChannel((c) => gain[c] / mean[c]));
}

function perChannel(value: (channel: 0 | 1 | 2) => number): Rgb {
  return [value(0), value(1), value(2)];
}
