import { type MemoryLayout, SPLAT, SPLAT_FLOATS, TILE_HEIGHT, TILE_WIDTH } from "../kernels/memory-layout.ts";

/*
 * Which gaussians are drawn in which tile, nearest first: the visible gaussians are sorted by depth once,
 * and then binned into the tiles in that order (kernels/tiling.ts). That sorts tens of thousands of keys,
 * where sorting (tile, depth) pairs would sort several times as many.
 *
 * Indexing a typed array is written `array[i] as number` in these loops: the index is in range by
 * construction, and the assertion costs nothing at run time.
 */

export interface TileArrays {
  readonly splats: Float32Array;
  readonly splatBits: Int32Array;
  readonly tileCount: Int32Array;
  readonly firstSlot: Int32Array;
  readonly visible: Int32Array;
  readonly order: Int32Array;
  readonly sortSpace: Int32Array;
  readonly tileStart: Int32Array;
  readonly tileCursor: Int32Array;
  readonly binCursors: Int32Array;
  readonly maxPairs: number;
}

export function tileArrays(buffer: SharedArrayBuffer, layout: MemoryLayout): TileArrays {
  const ints = (address: number, length: number) => new Int32Array(buffer, address, length);
  const { capacity } = layout;
  const tiles = (layout.tileCursor - layout.tileStart) / 4;
  return {
    splats: new Float32Array(buffer, layout.splats, capacity * SPLAT_FLOATS),
    splatBits: ints(layout.splats, capacity * SPLAT_FLOATS),
    tileCount: ints(layout.tileCount, capacity),
    firstSlot: ints(layout.firstSlot, capacity),
    visible: ints(layout.visible, capacity),
    order: ints(layout.order, capacity),
    sortSpace: ints(layout.sortSpace, 3 * capacity),
    tileStart: ints(layout.tileStart, tiles),
    tileCursor: ints(layout.tileCursor, tiles),
    binCursors: ints(layout.binCursors, 2 * tiles),
    maxPairs: layout.maxPairs,
  };
}

/** The tiles of an image: how many across and down. Tiles are numbered down the columns. */
export interface TileGrid {
  readonly columns: number;
  readonly rows: number;
}

export function tileGrid(width: number, height: number): TileGrid {
  return { columns: Math.ceil(width / TILE_WIDTH), rows: Math.ceil(height / TILE_HEIGHT) };
}

/** Call before the projection, which counts. */
export function clearTileCounts(arrays: TileArrays): void {
  arrays.tileCursor.fill(0);
}

/**
 * Lists the gaussians that touch a tile in `order`, nearest first, gives each of them its pair slots and
 * every tile its range of pairs. When there are more pairs than slots, the farthest gaussians are
 * omitted and made invisible.
 *
 * @param recount recounts the tiles of the given number of nearest gaussians
 * @returns how many are listed
 */
export function orderByDepth(
  arrays: TileArrays,
  tiles: number,
  count: number,
  recount: (nearest: number) => void,
): number {
  const { tileCount, splatBits, sortSpace } = arrays;
  const capacity = arrays.order.length;
  const indices = sortSpace.subarray(0, capacity);
  const keys = sortSpace.subarray(capacity, 2 * capacity);
  let visible = 0;
  let pairs = 0;
  for (let i = 0; i < count; i++) {
    if (tileCount[i] === 0) continue;
    pairs += tileCount[i] as number;
    indices[visible] = i;
    // Positive floats order like their bits read as integers.
    keys[visible] = splatBits[i * SPLAT_FLOATS + SPLAT.depth] as number;
    visible++;
  }
  radixSort(keys, indices, sortSpace.subarray(2 * capacity), arrays.order, visible);
  if (pairs > arrays.maxPairs) {
    visible = dropFarthest(arrays, visible);
    clearTileCounts(arrays);
    recount(visible);
  }
  assignSlots(arrays, count);
  startTiles(arrays, tiles);
  return visible;
}

/** @returns how many gaussians are left */
function dropFarthest(arrays: TileArrays, visible: number): number {
  const { tileCount, order } = arrays;
  let pairs = 0;
  let kept = 0;
  for (; kept < visible; kept++) {
    pairs += tileCount[order[kept] as number] as number;
    if (pairs > arrays.maxPairs) break;
  }
  for (let rank = kept; rank < visible; rank++) {
    const i = order[rank] as number;
    tileCount[i] = 0;
    arrays.visible[i] = 0;
  }
  return kept;
}

function assignSlots({ tileCount, firstSlot }: TileArrays, count: number): void {
  let slot = 0;
  for (let i = 0; i < count; i++) {
    firstSlot[i] = slot;
    slot += tileCount[i] as number;
  }
}

/** Converts the tiles' counts to the starts of their pairs. */
function startTiles({ tileStart, tileCursor, binCursors }: TileArrays, tiles: number): void {
  let start = 0;
  for (let tile = 0; tile < tiles; tile++) {
    const end = start + (tileCursor[tile] as number);
    tileStart[tile] = start;
    binCursors[tile] = start;
    binCursors[tiles + tile] = end;
    start = end;
  }
  tileStart[tiles] = start;
}

const DIGIT_BITS = 11;
const histograms = new Int32Array(3 << DIGIT_BITS);

/** Sorts `length` non-negative keys and their values, least significant digit first; the values end in `out`. */
function radixSort(
  keys: Int32Array,
  values: Int32Array,
  spareKeys: Int32Array,
  out: Int32Array,
  length: number,
): void {
  const size = 1 << DIGIT_BITS;
  const mask = size - 1;
  histograms.fill(0);
  for (let i = 0; i < length; i++) {
    const key = keys[i] as number;
    for (let digit = 0; digit < 3; digit++) {
      const bucket = digit * size + ((key >>> (digit * DIGIT_BITS)) & mask);
      histograms[bucket] = (histograms[bucket] as number) + 1;
    }
  }
  for (let digit = 0; digit < 3; digit++) {
    let sum = 0;
    for (let bucket = digit * size; bucket < (digit + 1) * size; bucket++) {
      const n = histograms[bucket] as number;
      histograms[bucket] = sum;
      sum += n;
    }
  }
  let [fromKeys, fromValues, toKeys, toValues] = [keys, values, spareKeys, out];
  for (let digit = 0; digit < 3; digit++) {
    for (let i = 0; i < length; i++) {
      const key = fromKeys[i] as number;
      const bucket = digit * size + ((key >>> (digit * DIGIT_BITS)) & mask);
      const position = histograms[bucket] as number;
      histograms[bucket] = position + 1;
      toKeys[position] = key;
      toValues[position] = fromValues[i] as number;
    }
    [fromKeys, fromValues, toKeys, toValues] = [toKeys, toValues, fromKeys, fromValues];
  }
}
