import type { Workspace } from "./workspace.ts";

const BITS = 10;

/**
 * Puts the gaussians in Morton order of their positions. Neighbours in space become neighbours in memory:
 * they are visible together, so the kernels' vectors of four are seldom half empty, and their records share
 * the caches.
 */
export function sortByPosition(workspace: Workspace, count: number): void {
  const order = mortonOrder(workspace.params.slice(0, 3), count);
  const copy = new Float32Array(count);
  for (const row of [...workspace.params, ...workspace.moments1, ...workspace.moments2]) {
    copy.set(row.subarray(0, count));
    for (let i = 0; i < count; i++) row[i] = copy[order[i] as number] as number;
  }
}

/** The indices of points in Morton order, given their coordinates axis by axis. */
export function mortonOrder(axes: readonly Float32Array[], count: number): Uint32Array {
  const cells = axes.map((values) => cellsAlong(values.subarray(0, count)));
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let code = 0;
    for (let bit = BITS - 1; bit >= 0; bit--) {
      for (const along of cells) code = code * 2 + (((along[i] as number) >> bit) & 1);
    }
    // The index in the fraction keeps equal codes in order, and comes out of the sort with its key.
    keys[i] = code + i / 2 ** 21;
  }
  keys.sort();
  return Uint32Array.from(keys, (key) => Math.round((key - Math.floor(key)) * 2 ** 21));
}

/** Cell numbers along one axis, between quantiles that enclose nearly all points. */
function cellsAlong(values: Float32Array): Uint16Array {
  const sorted = values.slice().sort();
  const low = sorted[Math.floor(0.02 * sorted.length)] as number;
  const high = sorted[Math.floor(0.98 * sorted.length)] as number;
  const scale = 2 ** BITS / (high - low || 1);
  return Uint16Array.from(values, (value) => Math.min(2 ** BITS - 1, Math.max(0, (value - low) * scale)));
}
