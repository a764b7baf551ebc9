import type { OpenCvCamera } from "./camera-models.ts";

/*
 * Radial distortion r + k1·r³ + k2·r⁵ is a polynomial, which only follows the lens where features were found. Beyond,
 * it may turn back: then two directions meet in one pixel, and undistorted pictures show their corners twice, mirrored.
 */

/** A lens whose polynomial turns back before the picture's farthest corner. */
export function foldsInPicture(lens: OpenCvCamera): boolean {
  const { k1, k2 } = relative(lens);
  return !reachesCorner({ focal: 1, k1, k2 }, 0);
}

/** A fitted polynomial rises at least this steeply up to the corner. */
const MIN_SLOPE = 0.1;
/** What is tried as `k2`, relative to the corner's radius. */
const [RANGE, STEPS] = [1.5, 300];
const SAMPLES = 64;
const ALTERNATIONS = 3;
/** The polynomial is trusted up to this share of the radius at which it turns back. */
const TRUSTED = 0.9;

/** focal · (r + k1·r³ + k2·r⁵), for radii relative to the corner's and a focal length relative to the given one. */
interface Polynomial {
  readonly focal: number;
  readonly k1: number;
  readonly k2: number;
}

/**
 * The same lens with the nearest focal length and radial distortion that rises up to the picture's corner: the least
 * squared difference, weighted by area, over the part of the picture in which the given one rises.
 */
export function withoutFold(lens: OpenCvCamera): OpenCvCamera {
  const { k1, k2, corner } = relative(lens);
  const trusted = TRUSTED * Math.min(1, turningPoint(k1, k2, 0));
  const radii = Array.from({ length: SAMPLES }, (_, i) => (trusted * (i + 1)) / SAMPLES);
  const target = radii.map((r) => value({ focal: 1, k1, k2 }, r));
  let best = { focal: 1, k1: 0, k2: 0 };
  let least = Number.POSITIVE_INFINITY;
  for (let step = -STEPS; step <= STEPS; step++) {
    const found = nearest(radii, target, (RANGE * step) / STEPS);
    if (found === null) continue;
    const error = radii.reduce((sum, r, i) => sum + r * (value(found, r) - (target[i] ?? 0)) ** 2, 0);
    if (error < least) [best, least] = [found, error];
  }
  return {
    ...lens,
    fx: best.focal * lens.fx,
    fy: best.focal * lens.fy,
    k1: best.k1 / corner ** 2,
    k2: best.k2 / corner ** 4,
  };
}

function value({ focal, k1, k2 }: Polynomial, r: number): number {
  return focal * (r + k1 * r ** 3 + k2 * r ** 5);
}

/** The nearest polynomial with this `k2`; null where none reaches the corner. */
function nearest(radii: readonly number[], target: readonly number[], k2: number): Polynomial | null {
  const sum = (term: (r: number, i: number) => number) =>
    radii.reduce((total, r, i) => total + r * term(r, i), 0);
  const wanted = (i: number) => target[i] ?? 0;
  let found: Polynomial = { focal: 1, k1: 0, k2 };
  for (let i = 0; i < ALTERNATIONS; i++) {
    const { focal } = found;
    const free =
      sum((r, j) => r ** 3 * (wanted(j) - focal * (r + k2 * r ** 5))) / (focal * sum((r) => r ** 6));
    const least = leastK1(focal, k2);
    if (least === null) return null;
    const k1 = Math.max(free, least);
    const shape = (r: number) => r + k1 * r ** 3 + k2 * r ** 5;
    found = { focal: sum((r, j) => shape(r) * wanted(j)) / sum((r) => shape(r) ** 2), k1, k2 };
  }
  const least = leastK1(found.focal, k2);
  return least === null ? null : { ...found, k1: Math.max(found.k1, least) };
}

/** The polynomial's coefficients for radii relative to that of the farthest corner. */
function relative({ width, height, fx, fy, cx, cy, k1, k2 }: OpenCvCamera) {
  const corner = Math.hypot(Math.max(cx, width - cx) / fx, Math.max(cy, height - cy) / fy);
  return { k1: k1 * corner ** 2, k2: k2 * corner ** 4, corner };
}

/** The least radius at which the slope 1 + 3·k1·r² + 5·k2·r⁴ falls to `slope`; infinite if it never does. */
function turningPoint(k1: number, k2: number, slope: number): number {
  const [a, b, c] = [5 * k2, 3 * k1, 1 - slope];
  if (a === 0) return b < 0 ? Math.sqrt(-c / b) : Number.POSITIVE_INFINITY;
  const discriminant = b * b - 4 * a * c;
  if (discriminant < 0) return Number.POSITIVE_INFINITY;
  const root = Math.sqrt(discriminant);
  const squares = [(-b - root) / (2 * a), (-b + root) / (2 * a)].filter((square) => square > 0);
  return squares.length === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(Math.min(...squares));
}

/** Whether the polynomial rises up to the corner, undistorted and distorted. */
function reachesCorner(polynomial: Polynomial, slope: number): boolean {
  const { focal, k1, k2 } = polynomial;
  const r = turningPoint(k1, k2, slope);
  return r === Number.POSITIVE_INFINITY || (focal * r >= 1 && value(polynomial, r) >= 1);
}

/** The least `k1` with which the polynomial reaches the corner: more of it is steeper everywhere. Null for none. */
function leastK1(focal: number, k2: number): number | null {
  const reaches = (k1: number) => reachesCorner({ focal, k1, k2 }, MIN_SLOPE);
  let [low, high] = [-4, 4];
  if (!reaches(high)) return null;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (reaches(middle)) high = middle;
    else low = middle;
  }
  return high;
}
