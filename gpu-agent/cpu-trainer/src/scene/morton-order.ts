import type { Workspace } from "./workspace.ts";

/** Bits of a cell's number along an axis, at most. A key has 52: three of these, and the index. */
const BITS = 10;
const KEY_BITS = 52;

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
  const indexBits = Math.ceil(Math.log2(count + 1));
  const bits = Math.min(BITS, Math.floor((KEY_BITS - indexBits) / 3));
  const cells = axes.map((values) => cellsAlong(values.subarray(0, count), bits));
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let code = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      for (const along of cells) code = code * 2 + (((along[i] as number) >> bit) & 1);
    }
    // The index in the fraction keeps equal codes in order, and comes out of the sort with its key.
    keys[i] = code + i / 2 ** indexBits;
  }
  keys.sort();
  return Uint32Array.from(keys, (key) => Math.round((key - Math.floor(key)) * 2 ** indexBits));
}

/** Cell numbers along one axis, between quantiles that enclose nearly all points. */
function cellsAlong(values: Float32Array, bits: number): Uint16Array {
  const sorted = values.slice().sort();
  const low = sorted[Math.floor(0.02 * sorted.length)] as number;
  const high = sorted[Math.floor(0.98 * sorted.length)] as number;
  const scale = 2 ** bits / (high - low || 1);
  return Uint16Array.from(values, (value) => Math.min(2 ** bits - 1, Math.max(0, (value - low) * scale)));
}
