import type { KernelBuilder, Variable } from "../wasm/kernel-builder.ts";
import type { F32x4, I32, Mask4 } from "../wasm/values.ts";
import { ellipseInBand } from "./ellipse.ts";
import { exp2, type Vec3 } from "./math.ts";
import { type MemoryLayout, PLANE_MARGIN, SPLAT, TILE_HEIGHT, TILE_WIDTH, UNIFORM } from "./memory-layout.ts";
import { loadEllipse } from "./tiling.ts";

/*
 * Blending works gaussian by gaussian within a tile, not pixel by pixel as on a GPU: the pixels' state stays
 * in the first-level cache, and a gaussian visits only the pixels that its ellipse touches. They are visited
 * in strips of four pixels across, from top to bottom. Down a strip dx is constant, so log2(alpha) is a
 * quadratic in dy, and alpha itself follows from the row above by two multiplications instead of an
 * exponential: alpha ← alpha · ratio, ratio ← ratio · 2^(2c).
 */

export const MAX_ALPHA = 0.99;

/** The number of pairs blended between checks for finished parts of the strips. */
export const PAIRS_BETWEEN_CHECKS = 8;

export const PAIR_BYTES = 8;
const SPLAT_SHIFT = 6; // log2 of a splat record's bytes
const STRIPS = TILE_WIDTH / 4;

/** The tile's state: four floats each for the rows between which the strips are unfinished, then the quads. */
const STATE = {
  firstRow: 0,
  endRow: 16,
  /** For the current gaussian and each strip: its rows, and alpha and ratio in the first of them. */
  splatFirst: 32,
  splatEnd: 48,
  alpha: 64,
  ratio: 128,
  quads: 192,
} as const;

/** The tile that a kernel works on: its corner in pixels, its state, and its range of pairs' addresses. */
export interface TileContext {
  readonly x: I32;
  readonly y: I32;
  readonly state: I32;
  readonly firstPair: I32;
  readonly endPair: I32;
  /** Bytes of the state of a quad, four neighbouring pixels. */
  readonly quadBytes: number;
}

/** One gaussian as seen from the tile's corner, every field in all four lanes. */
export interface TileSplat {
  readonly x: F32x4;
  readonly y: F32x4;
  readonly color: Vec3;
  readonly curvature: F32x4;
}

export function tileContext(
  k: KernelBuilder,
  layout: MemoryLayout,
  tile: I32,
  state: I32,
  quadBytes: number,
): TileContext {
  const rows = k.i32(layout.uniforms).loadI32(UNIFORM.tileRows * 4);
  const column = tile.div(rows);
  const starts = tile.shiftLeft(2);
  const pairAddress = (index: I32) => index.mul(PAIR_BYTES).add(layout.pairs);
  return {
    x: column.mul(TILE_WIDTH),
    y: tile.sub(column.mul(rows)).mul(TILE_HEIGHT),
    state,
    firstPair: pairAddress(starts.loadI32(layout.tileStart)),
    endPair: pairAddress(starts.loadI32(layout.tileStart + 4)),
    quadBytes,
  };
}

/**
 * Loads a gaussian and finds the rows between which it touches each of the tile's four strips, in parallel.
 */
export function loadTileSplat(
  k: KernelBuilder,
  layout: MemoryLayout,
  tile: TileContext,
  gaussian: I32,
): TileSplat {
  const record = gaussian.shiftLeft(SPLAT_SHIFT);
  const load = (field: keyof typeof SPLAT) => record.loadSplat(layout.splats + SPLAT[field] * 4);
  const x = load("x").sub(tile.x.toF32().splat());
  const y = load("y").sub(tile.y.toF32().splat());

  const ellipse = { ...loadEllipse(layout, gaussian), x, y };
  const { top, bottom, touches } = ellipseInBand(
    ellipse,
    k.lanes(0.5, 4.5, 8.5, 12.5),
    k.lanes(3.5, 7.5, 11.5, 15.5),
  );
  // Rows whose centres lie between top and bottom; none where the strip misses the ellipse.
  const first = top.sub(0.5).max(-1).ceil().max(tile.state.loadF32x4(STATE.firstRow));
  const end = bottom
    .add(0.5)
    .min(TILE_HEIGHT + 1)
    .floor()
    .min(tile.state.loadF32x4(STATE.endRow));
  tile.state.storeI32x4(first.toI32x4(), STATE.splatFirst);
  tile.state.storeI32x4(end.where(touches).toI32x4(), STATE.splatEnd);

  // Set up for all strips together, so that the exponentials are pipelined.
  const [a, b, c, logOpacity] = [load("a"), load("b"), load("c"), load("logOpacity")];
  const firstDy = first.add(0.5).sub(y);
  for (const strip of [0, 1, 2, 3] as const) {
    const dx = k
      .lanes(0.5, 1.5, 2.5, 3.5)
      .add(4 * strip)
      .sub(x);
    const dy = firstDy.lane(strip).splat();
    const linear = b.mul(dx);
    const exponent = dy.madd(dy.madd(c, linear), dx.mul(dx).madd(a, logOpacity));
    const step = dy.add(dy).add(1).madd(c, linear);
    tile.state.storeF32x4(exp2(k, exponent.max(-120)), STATE.alpha + 16 * strip);
    tile.state.storeF32x4(exp2(k, step.max(-60).min(60)), STATE.ratio + 16 * strip);
  }
  return {
    x,
    y,
    color: [load("red"), load("green"), load("blue")],
    curvature: load("curvature"),
  };
}

/** A gaussian on its way down one strip. */
export interface Strip {
  readonly dx: F32x4;
  /** Of the current row. */
  readonly dy: Variable<F32x4>;
}

/**
 * Visits the quads that a gaussian touches, strip by strip.
 *
 * @param forQuad gets the quad's state, and alpha there, not yet limited
 * @param beforeStrip / afterStrip run around each strip that is touched
 */
export function forEachTouchedQuad(
  k: KernelBuilder,
  tile: TileContext,
  splat: TileSplat,
  forQuad: (quad: I32, alpha: F32x4, strip: Strip) => void,
  beforeStrip: (strip: Strip) => void = () => undefined,
  afterStrip: (strip: Strip) => void = () => undefined,
): void {
  k.for(0, STRIPS, 1, (index, strips) => {
    const range = tile.state.add(index.shiftLeft(2));
    const first = range.loadI32(STATE.splatFirst);
    const end = range.loadI32(STATE.splatEnd);
    strips.continueIf(first.ge(end));
    const dx = k.lanes(0.5, 1.5, 2.5, 3.5).add(index.shiftLeft(2).toF32().splat()).sub(splat.x);
    const dy = k.variable(first.toF32().add(0.5).splat().sub(splat.y));
    const start = tile.state.add(index.shiftLeft(4));
    const alpha = k.variable(start.loadF32x4(STATE.alpha));
    const ratio = k.variable(start.loadF32x4(STATE.ratio));
    const strip = { dx, dy };
    beforeStrip(strip);
    const column = tile.state.add(index.mul(TILE_HEIGHT * tile.quadBytes)).add(STATE.quads);
    const [begin, stop] = [first, end].map((row) => column.add(row.mul(tile.quadBytes))) as [I32, I32];
    k.for(begin, stop, tile.quadBytes, (quad) => {
      forQuad(quad, alpha, strip);
      alpha.set(alpha.mul(ratio));
      ratio.set(ratio.mul(splat.curvature));
      dy.set(dy.add(1));
    });
    afterStrip(strip);
  });
}

/** Limits alpha: at most MAX_ALPHA, and 0 where it would be invisible (see `BlendingLimits`). */
export function visibleAlpha(k: KernelBuilder, layout: MemoryLayout, alpha: F32x4): F32x4 {
  const minAlpha = k.i32(layout.uniforms).loadSplat(UNIFORM.minAlpha * 4);
  return alpha.min(MAX_ALPHA).where(alpha.ge(minAlpha));
}

/** Where the four pixels of a quad are. */
interface QuadPixels {
  readonly rowIsInside: I32;
  /** Which of the four are left of the image's right border. */
  readonly inside: Mask4;
  readonly x: I32;
  readonly y: I32;
  /** From an image plane's address to the quad. */
  readonly planeOffset: I32;
}

/** Runs `body` for every quad of the tile. */
export function forEachQuad(
  k: KernelBuilder,
  layout: MemoryLayout,
  tile: TileContext,
  body: (quad: I32, pixels: QuadPixels) => void,
): void {
  const uniforms = k.i32(layout.uniforms);
  const stride = uniforms.loadI32(UNIFORM.planeStride * 4);
  const width = uniforms.loadSplat(UNIFORM.widthF32 * 4);
  const height = uniforms.loadI32(UNIFORM.height * 4);
  k.for(0, STRIPS, 1, (strip) => {
    const x = tile.x.add(strip.shiftLeft(2));
    const inside = x
      .toF32()
      .splat()
      .add(k.lanes(0.5, 1.5, 2.5, 3.5))
      .lt(width);
    const column = tile.state.add(strip.mul(TILE_HEIGHT * tile.quadBytes)).add(STATE.quads);
    k.for(0, TILE_HEIGHT, 1, (row) => {
      const y = tile.y.add(row);
      body(column.add(row.mul(tile.quadBytes)), {
        rowIsInside: y.lt(height),
        inside,
        x,
        y,
        planeOffset: planeOffset(stride, x, y),
      });
    });
  });
}

/** From an image plane's address to pixel (x, y). `stride` is in bytes. */
export function planeOffset(stride: I32, x: I32, y: I32): I32 {
  return y.add(PLANE_MARGIN).mul(stride).add(x.add(PLANE_MARGIN).shiftLeft(2));
}

/** All rows of all strips are unfinished. */
export function openStrips(k: KernelBuilder, tile: TileContext): void {
  tile.state.storeF32x4(k.f32x4(0), STATE.firstRow);
  tile.state.storeF32x4(k.f32x4(TILE_HEIGHT), STATE.endRow);
}

/**
 * Removes the finished rows, which hardly any light comes through, from both ends of each strip.
 *
 * @param transmittance where in a quad's state its transmittance is
 * @returns whether the whole tile is finished
 */
export function closeStrips(
  k: KernelBuilder,
  layout: MemoryLayout,
  tile: TileContext,
  transmittance: number,
): I32 {
  const minTransmittance = k.i32(layout.uniforms).loadSplat(UNIFORM.minTransmittance * 4);
  const open = k.variable(k.i32(0));
  k.for(0, STRIPS, 1, (strip) => {
    const range = tile.state.add(strip.shiftLeft(2));
    const column = tile.state.add(strip.mul(TILE_HEIGHT * tile.quadBytes)).add(STATE.quads);
    const first = k.variable(range.loadF32(STATE.firstRow).toI32());
    const end = k.variable(range.loadF32(STATE.endRow).toI32());
    const isOpen = (row: I32) =>
      column.add(row.mul(tile.quadBytes)).loadF32x4(transmittance).gt(minTransmittance).any();
    k.for(first, end, 1, (row, rows) => {
      first.set(row);
      rows.breakIf(isOpen(row));
      first.set(row.add(1));
    });
    k.for(first, end, 1, (_, rows) => {
      rows.breakIf(isOpen(end.sub(1)));
      end.set(end.sub(1));
    });
    range.storeF32(first.toF32(), STATE.firstRow);
    range.storeF32(end.toF32(), STATE.endRow);
    open.set(open.or(first.lt(end)));
  });
  return open.not();
}
