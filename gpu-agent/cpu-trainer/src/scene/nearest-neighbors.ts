/**
 * The mean distance from each point to its `k` nearest other points, by a k-d tree that is searched from
 * every point. 0 for a point that has no other.
 *
 * @param positions x, y, z of point after point
 */
export function meanNeighborDistances(positions: Float32Array, k: number): Float32Array {
  const count = positions.length / 3;
  const tree = buildTree(positions, count);
  const nearest = new Float64Array(k);
  const distances = new Float32Array(count);
  for (let point = 0; point < count; point++) {
    nearest.fill(Number.POSITIVE_INFINITY);
    search(tree, positions, 0, count, 0, point, nearest);
    let sum = 0;
    let found = 0;
    for (let i = 0; i < k; i++) {
      const squared = nearest[i] as number;
      if (squared === Number.POSITIVE_INFINITY) break;
      sum += Math.sqrt(squared);
      found++;
    }
    distances[point] = found > 0 ? sum / found : 0;
  }
  return distances;
}

/** Points in such an order that the middle one of a range divides it along one axis, and so on within. */
function buildTree(positions: Float32Array, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const split = (begin: number, end: number, axis: number): void => {
    if (end - begin < 2) return;
    const key = (point: number) => positions[3 * point + axis] as number;
    order.subarray(begin, end).sort((a, b) => key(a) - key(b));
    const middle = (begin + end) >> 1;
    split(begin, middle, (axis + 1) % 3);
    split(middle + 1, end, (axis + 1) % 3);
  };
  split(0, count, 0);
  return order;
}

function search(
  tree: Int32Array,
  positions: Float32Array,
  begin: number,
  end: number,
  axis: number,
  point: number,
  nearest: Float64Array,
): void {
  if (begin >= end) return;
  const middle = (begin + end) >> 1;
  const other = tree[middle] as number;
  const across = (positions[3 * point + axis] as number) - (positions[3 * other + axis] as number);
  if (other !== point) insert(nearest, squaredDistance(positions, point, other));
  const next = (axis + 1) % 3;
  const [nearBegin, nearEnd, farBegin, farEnd] =
    across < 0 ? [begin, middle, middle + 1, end] : [middle + 1, end, begin, middle];
  search(tree, positions, nearBegin, nearEnd, next, point, nearest);
  if (across * across < (nearest[nearest.length - 1] as number)) {
    search(tree, positions, farBegin, farEnd, next, point, nearest);
  }
}

function squaredDistance(positions: Float32Array, a: number, b: number): number {
  let sum = 0;
  for (let axis = 0; axis < 3; axis++) {
    sum += ((positions[3 * a + axis] as number) - (positions[3 * b + axis] as number)) ** 2;
  }
  return sum;
}

/** Keeps the smallest values, in ascending order. */
function insert(nearest: Float64Array, value: number): void {
  let i = nearest.length - 1;
  if (value >= (nearest[i] as number)) return;
  for (; i > 0 && (nearest[i - 1] as number) > value; i--) nearest[i] = nearest[i - 1] as number;
  nearest[i] = value;
}
