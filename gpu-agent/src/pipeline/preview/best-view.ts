import type { Matrix4, Transforms } from "@splatt/formats";

/**
 * The frame whose camera looks most directly at the origin, where the poses stage places the subject.
 *
 * @returns its index in `frames`
 */
export function bestView({ frames }: Pick<Transforms, "frames">): number {
  const aims = frames.map(({ transform_matrix }) => aim(transform_matrix));
  return aims.indexOf(Math.max(...aims));
}

/** Cosine of the angle between a camera's view axis, −z, and the way to the origin. */
function aim([r0, r1, r2]: Matrix4): number {
  const distance = Math.hypot(r0[3], r1[3], r2[3]) || 1;
  return (r0[2] * r0[3] + r1[2] * r1[3] + r2[2] * r2[3]) / distance;
}
