import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import type { F32x4, I32, Mask4 } from "../wasm/values.ts";
import { type Ellipse, ellipseInBand } from "./ellipse.ts";
import { type MemoryLayout, SPLAT, TILE_HEIGHT, TILE_WIDTH, UNIFORM } from "./memory-layout.ts";

/** From a tile's corner to the centre of its first pixel. */
const FIRST_CENTER = 0.5;

/** The number of tiles across and down, in all lanes. Tiles are numbered down the columns. */
export interface Grid {
  readonly columns: F32x4;
  readonly rows: F32x4;
  readonly rowCount: I32;
}

export function loadGrid(k: KernelBuilder, layout: MemoryLayout): Grid {
  const uniforms = k.i32(layout.uniforms);
  const rowCount = uniforms.loadI32(UNIFORM.tileRows * 4);
  const columnCount = uniforms.loadI32(UNIFORM.tileColumns * 4);
  return { columns: columnCount.toF32().splat(), rows: rowCount.toF32().splat(), rowCount };
}

/** The first tile column that an ellipse reaches, and the one after the last. */
export function tileColumns(grid: Grid, { x, extentX }: Ellipse): { first: F32x4; end: F32x4 } {
  const [left, right] = [x.sub(extentX), x.add(extentX)];
  return {
    first: left
      .add(FIRST_CENTER)
      .mul(1 / TILE_WIDTH)
      .ceil()
      .sub(1)
      .max(0),
    end: right
      .sub(FIRST_CENTER)
      .mul(1 / TILE_WIDTH)
      .floor()
      .add(1)
      .min(grid.columns),
  };
}

/**
 * The tiles of a column whose pixel centres an ellipse reaches, as numbers of the first tile and the one
 * after the last; in lanes of `wanted`.
 */
export function tilesInColumn(
  grid: Grid,
  ellipse: Ellipse,
  column: F32x4,
  wanted: Mask4,
): { first: Mask4; end: Mask4 } {
  const left = column.mul(TILE_WIDTH).add(FIRST_CENTER);
  const { top, bottom } = ellipseInBand(ellipse, left, left.add(TILE_WIDTH - 1));
  const firstRow = top
    .add(FIRST_CENTER)
    .mul(1 / TILE_HEIGHT)
    .ceil()
    .sub(1)
    .max(0);
  const endRow = bottom
    .sub(FIRST_CENTER)
    .mul(1 / TILE_HEIGHT)
    .floor()
    .add(1)
    .min(grid.rows);
  const corner = column.mul(grid.rows);
  const first = corner.add(firstRow);
  // Both are 0 elsewhere: the numbers of gaussians that are not visible would overflow.
  return {
    first: first.where(wanted).toI32x4(),
    end: corner.add(endRow.max(firstRow)).where(wanted).toI32x4(),
  };
}

/**
 * Kernel `binTiles(first, count, step, cursors, shift)`: bins the gaussians with the depth ranks `first`,
 * `first + step` … into their tiles, as pairs (gaussian, slot). `cursors` has one integer for each tile,
 * the place of its next pair but for `shift`, and is moved by `step`.
 */
export function binTilesKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, count] = [k.paramI32(), k.paramI32()];
  const [step, cursors, shift] = [k.paramI32(), k.paramI32(), k.paramI32()];
  const grid = loadGrid(k, layout);
  const pairBase = shift.mul(8).add(layout.pairs);
  k.for(0, count, 1, (index) => {
    const gaussian = first.add(index.mul(step)).shiftLeft(2).loadI32(layout.order);
    const slot = k.variable(gaussian.shiftLeft(2).loadI32(layout.firstSlot));
    forEachTile(k, layout, grid, gaussian, (tile) => {
      const cursor = cursors.add(tile);
      const position = cursor.loadI32();
      cursor.storeI32(position.add(step));
      const pair = pairBase.add(position.shiftLeft(3));
      pair.storeI32(gaussian, 0);
      pair.storeI32(slot, 4);
      slot.set(slot.add(1));
    });
  });
  return k.finish("binTiles");
}

/** Kernel `countPairs(count)`: recounts the tiles of the `count` nearest gaussians. */
export function countPairsKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const count = k.paramI32();
  const grid = loadGrid(k, layout);
  k.for(0, count, 1, (rank) => {
    const gaussian = rank.shiftLeft(2).loadI32(layout.order);
    forEachTile(k, layout, grid, gaussian, (tile) => {
      tile.storeI32(tile.loadI32(layout.tileCursor).add(1), layout.tileCursor);
    });
  });
  return k.finish("countPairs");
}

/** Visits the tiles that a gaussian touches, always in the same order. `tile` is four times the number. */
function forEachTile(
  k: KernelBuilder,
  layout: MemoryLayout,
  grid: Grid,
  gaussian: I32,
  body: (tile: I32) => void,
): void {
  const ellipse = loadEllipse(layout, gaussian);
  const columns = tileColumns(grid, ellipse);
  // Four columns at a time.
  k.for(columns.first.lane(0).toI32(), columns.end.lane(0).toI32(), 4, (column) => {
    const lanes = column
      .toF32()
      .splat()
      .add(k.lanes(0, 1, 2, 3));
    const tiles = tilesInColumn(grid, ellipse, lanes, lanes.lt(columns.end));
    for (const lane of [0, 1, 2, 3] as const) {
      k.for(tiles.first.lane(lane).shiftLeft(2), tiles.end.lane(lane).shiftLeft(2), 4, body);
    }
  });
}

/** The ellipse of one gaussian, in all lanes. */
export function loadEllipse(layout: MemoryLayout, gaussian: I32): Ellipse {
  const record = gaussian.shiftLeft(6);
  const load = (field: keyof typeof SPLAT) => record.loadSplat(layout.splats + SPLAT[field] * 4);
  return {
    x: load("x"),
    y: load("y"),
    slope: load("slope"),
    span0: load("span0"),
    span1: load("span1"),
    extentX: load("extentX"),
    dxAtBottom: load("dxAtBottom"),
  };
}

/**
 * Counts the tiles that each of four gaussians touches, and atomically adds them to the tiles'
 * counts.
 */
export function countTiles(
  k: KernelBuilder,
  layout: MemoryLayout,
  grid: Grid,
  ellipse: Ellipse,
  visible: Mask4,
): Mask4 {
  const columns = tileColumns(grid, ellipse);
  const column = k.variable(columns.first);
  const count = k.variable(k.i32x4(0));
  const most = columns.end.sub(columns.first).where(visible);
  const widest = most.max(most.shuffle(most, [2, 3, 0, 1]));
  const rounds = widest
    .max(widest.shuffle(widest, [1, 0, 3, 2]))
    .lane(0)
    .toI32();
  k.for(0, rounds, 1, () => {
    const tiles = tilesInColumn(grid, ellipse, column, visible.and(column.lt(columns.end)));
    count.set(count.addI32(tiles.end.subI32(tiles.first).max(0)));
    for (const lane of [0, 1, 2, 3] as const) {
      k.for(tiles.first.lane(lane).shiftLeft(2), tiles.end.lane(lane).shiftLeft(2), 4, (tile) => {
        tile.atomicAdd(k.i32(1), layout.tileCursor);
      });
    }
    column.set(column.add(1));
  });
  return count;
}
