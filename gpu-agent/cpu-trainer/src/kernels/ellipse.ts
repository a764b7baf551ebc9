import type { F32x4 } from "../wasm/values.ts";

/** The ellipse where a gaussian's alpha reaches 1/255: see `SPLAT`. */
export interface Ellipse {
  readonly x: F32x4;
  readonly y: F32x4;
  readonly slope: F32x4;
  readonly span0: F32x4;
  readonly span1: F32x4;
  readonly extentX: F32x4;
  readonly dxAtBottom: F32x4;
}

/**
 * Between which y an ellipse lies within a vertical band from x = `left` to `right`. An ellipse is convex: it
 * reaches farthest down at its lowest point overall, or at the band's side next to that; likewise up.
 *
 * @returns also whether the band reaches the ellipse at all
 */
export function ellipseInBand(ellipse: Ellipse, left: F32x4, right: F32x4) {
  const { x, y, slope, span0, span1, extentX, dxAtBottom } = ellipse;
  const from = left.sub(x).max(extentX.neg());
  const to = right.sub(x).min(extentX);
  const reach = (dx: F32x4) => dx.mul(dx).nmadd(span1, span0).max(0).sqrt();
  const low = dxAtBottom.max(from).min(to);
  const high = dxAtBottom.neg().max(from).min(to);
  return {
    top: high.madd(slope, y).sub(reach(high)),
    bottom: low.madd(slope, y).add(reach(low)),
    touches: from.lt(to),
  };
}
