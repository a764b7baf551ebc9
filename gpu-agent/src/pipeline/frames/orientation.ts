/** How to make a stored picture upright: mirror first if needed, then rotate. */
export interface Orientation {
  readonly mirrored: boolean;
  readonly clockwiseDegrees: 0 | 90 | 180 | 270;
}

export const UPRIGHT: Orientation = { mirrored: false, clockwiseDegrees: 0 };

/** ffmpeg's filters for each orientation. `transpose` mirrors along a diagonal, with or without a turn. */
const FILTERS: Readonly<Record<`${boolean}${Orientation["clockwiseDegrees"]}`, readonly string[]>> = {
  false0: [],
  false90: ["transpose=clock"],
  false180: ["hflip", "vflip"],
  false270: ["transpose=cclock"],
  true0: ["hflip"],
  true90: ["transpose=clock_flip"],
  true180: ["vflip"],
  true270: ["transpose=cclock_flip"],
};

export function orientationFilters({ mirrored, clockwiseDegrees }: Orientation): readonly string[] {
  return FILTERS[`${mirrored}${clockwiseDegrees}`];
}

export function swapsSides({ clockwiseDegrees }: Orientation): boolean {
  return clockwiseDegrees % 180 === 90;
}

/**
 * @param matrix ffprobe's text of a display matrix (ISO 14496-12, `tkhd`): three lines of three numbers. It maps
 *   a stored pixel (x, y) to (a·x + c·y, b·x + d·y).
 * @returns the nearest quarter turn, or null when the text holds no matrix
 */
export function parseDisplayMatrix(matrix: string): Orientation | null {
  const rows = [...matrix.matchAll(/^\d{8}:\s*(-?\d+)\s+(-?\d+)\s+-?\d+\s*$/gm)];
  return orientationOf(
    [Number(rows[0]?.[1]), Number(rows[0]?.[2])],
    [Number(rows[1]?.[1]), Number(rows[1]?.[2])],
  );
}

/** The same from the matrix's numbers, in any unit. */
export function orientationOf(
  [a, b]: readonly [number, number],
  [c, d]: readonly [number, number],
): Orientation | null {
  const largest = Math.max(Math.abs(a), Math.abs(b), Math.abs(c), Math.abs(d));
  if (!(largest > 0)) return null;
  const mirrored = a * d - b * c < 0;
  // Undo the mirroring of x, which comes first; what remains is a rotation by the angle of its first column.
  const [cos, sin] = mirrored ? [-a, -b] : [a, b];
  return { mirrored, clockwiseDegrees: nearestQuarter((Math.atan2(sin, cos) * 180) / Math.PI) };
}

/**
 * The angle that ffmpeg reports of a display matrix, the other way round. It does not tell a mirrored picture from one
 * turned by another half turn.
 */
export function reportedTurn({ mirrored, clockwiseDegrees }: Orientation): number {
  return (clockwiseDegrees + (mirrored ? 180 : 0)) % 360;
}

export function isUpright(orientation: Orientation): boolean {
  return sameOrientation(orientation, UPRIGHT);
}

export function sameOrientation(a: Orientation, b: Orientation): boolean {
  return a.mirrored === b.mirrored && a.clockwiseDegrees === b.clockwiseDegrees;
}

export function nearestQuarter(degrees: number): Orientation["clockwiseDegrees"] {
  const quarters = ((Math.round(degrees / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarters] ?? 0;
}
