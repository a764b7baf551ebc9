/** Gaussians that the next coarser level merges into one. */
export const MERGED = 4;
/** Levels in addition to the finest one. */
export const COARSER_LEVELS = 3;
/** Gaussians that the coarsest level merges into one. */
const LARGEST_GROUP = MERGED ** COARSER_LEVELS;

export interface SpatialOrder {
  /** The indices of the points, such that neighbours in space are neighbours here. */
  readonly order: Uint32Array;
  /** Where each leaf begins, and after them the number of points. All but the last are multiples of `LARGEST_GROUP`. */
  readonly leafStarts: readonly number[];
}

/**
 * Divides points again and again at the median of their longest side. The sides are whole groups, so that runs of 4, 16
 * and 64 in the order are points close together: what the levels merge.
 *
 * @param positions x, y, z of each point
 * @param leafSize the most points of a leaf
 */
export function spatialOrder(positions: Float32Array, leafSize: number): SpatialOrder {
  const count = positions.length / 3;
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const leafStarts: number[] = [];
  // Ranges to divide, the first one last. Whoever is inside a leaf begins none.
  const open = count === 0 ? [] : [{ start: 0, end: count, isInLeaf: false }];
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { start, end } = range;
    const isLeaf = !range.isInLeaf && end - start <= leafSize;
    if (isLeaf) leafStarts.push(start);
    if (end - start <= MERGED) continue;
    const middle = start + sizeOfFirstPart(end - start);
    selectMiddle(order, positions, longestAxis(order, positions, start, end), start, end, middle);
    const isInLeaf = range.isInLeaf || isLeaf;
    open.push({ start: middle, end, isInLeaf }, { start, end: middle, isInLeaf });
  }
  return { order, leafStarts: [...leafStarts, count] };
}

/** About half, in whole groups of the largest size that fits. */
function sizeOfFirstPart(size: number): number {
  let group = LARGEST_GROUP;
  while (group >= size) group /= MERGED;
  return group * Math.max(1, Math.round(size / 2 / group));
}

function longestAxis(order: Uint32Array, positions: Float32Array, start: number, end: number): number {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = low.map((value) => -value);
  for (let i = start; i < end; i++) {
    const at = 3 * (order[i] as number);
    for (let axis = 0; axis < 3; axis++) {
      const value = positions[at + axis] as number;
      if (value < (low[axis] as number)) low[axis] = value;
      if (value > (high[axis] as number)) high[axis] = value;
    }
  }
  const sides = high.map((value, axis) => value - (low[axis] as number));
  return sides.indexOf(Math.max(...sides));
}

/** Moves the points of a range that are least along an axis before `middle` (C. Hoare's selection, 1961). */
function selectMiddle(
  order: Uint32Array,
  positions: Float32Array,
  axis: number,
  start: number,
  end: number,
  middle: number,
): void {
  const valueAt = (i: number) => positions[3 * (order[i] as number) + axis] as number;
  let [left, right] = [start, end - 1];
  while (left < right) {
    const pivot = median(valueAt(left), valueAt((left + right) >> 1), valueAt(right));
    let [i, j] = [left, right];
    while (i <= j) {
      while (valueAt(i) < pivot) i++;
      while (valueAt(j) > pivot) j--;
      if (i > j) break;
      const swapped = order[i] as number;
      order[i] = order[j] as number;
      order[j] = swapped;
      i++;
      j--;
    }
    if (middle <= j) right = j;
    else if (middle >= i) left = i;
    else return;
  }
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
