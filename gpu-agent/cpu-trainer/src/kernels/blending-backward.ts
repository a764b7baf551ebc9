import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import {
  closeStrips,
  forEachQuad,
  forEachTouchedQuad,
  loadTileSplat,
  openStrips,
  PAIR_BYTES,
  PAIRS_BETWEEN_CHECKS,
  tileContext,
  visibleAlpha,
} from "./blending.ts";
import { dot, laneSums, vec3 } from "./math.ts";
import { type MemoryLayout, PAIR_FLOATS } from "./memory-layout.ts";

/** Byte offsets in the state of a quad. */
const QUAD = {
  transmittance: 0,
  /** What the gaussians behind the current one still add to the colour, weighted by dL/dcolour. */
  remaining: 16,
  colorGradient: 32,
  error: 80,
} as const;
const QUAD_BYTES = 96;

/**
 * Kernel `blendBackward(tile, state)`: the gradient of the loss by every footprint in a tile, from the
 * `gradient` planes (dL/dcolour), into the pairs' slots.
 *
 * It goes front to back, like the forward pass, and keeps for each pixel what the gaussians behind the
 * current one add to its colour, projected on dL/dcolour: with the weight w = alpha·T of a gaussian of
 * colour c, dL/dalpha = T·(c·dL/dcolour) − remaining/(1 − alpha). This avoids dividing the final
 * transmittance, and both passes stop at the same points.
 */
export function blendBackwardKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const tileIndex = k.paramI32();
  const tile = tileContext(k, layout, tileIndex, k.paramI32(), QUAD_BYTES);
  const reached = tileIndex.shiftLeft(2).loadI32(layout.tileCursor);
  const zero = k.f32x4(0);

  openStrips(k, tile);
  forEachQuad(k, layout, tile, (quad, { rowIsInside, inside, planeOffset }) => {
    k.if(
      rowIsInside,
      () => {
        quad.storeF32x4(k.f32x4(1).where(inside), QUAD.transmittance);
        const plane = (base: number, channel: number) =>
          planeOffset.loadF32x4(base + channel * layout.planeBytes).where(inside);
        const gradient = vec3((channel) => plane(layout.gradient, channel));
        gradient.forEach((value, channel) => {
          quad.storeF32x4(value, QUAD.colorGradient + 16 * channel);
        });
        const rendered = vec3((channel) => plane(layout.rendered, channel));
        quad.storeF32x4(dot(rendered, gradient), QUAD.remaining);
        quad.storeF32x4(plane(layout.error, 0), QUAD.error);
      },
      () => {
        for (let offset = 0; offset < QUAD_BYTES; offset += 16) quad.storeF32x4(zero, offset);
      },
    );
  });

  k.for(tile.firstPair, reached, PAIRS_BETWEEN_CHECKS * PAIR_BYTES, (batch) => {
    // Never entirely finished: the forward pass stops before such tiles.
    closeStrips(k, layout, tile, QUAD.transmittance);
    const end = batch.add(PAIRS_BETWEEN_CHECKS * PAIR_BYTES).min(reached);
    k.for(batch, end, PAIR_BYTES, (pair) => {
      const splat = loadTileSplat(k, layout, tile, pair.loadI32());
      const sum = () => k.variable(zero);
      const g = { one: sum(), x: sum(), y: sum(), xx: sum(), xy: sum(), yy: sum() };
      const color = vec3(sum);
      const error = sum();
      // Down a strip dx is constant: it is multiplied in at the strip's end.
      const strip = { one: sum(), y: sum() };
      forEachTouchedQuad(
        k,
        tile,
        splat,
        (quad, raw, { dy }) => {
          const alpha = visibleAlpha(k, layout, raw);
          const transmittance = quad.loadF32x4(QUAD.transmittance);
          const weight = alpha.mul(transmittance);
          quad.storeF32x4(transmittance.sub(weight), QUAD.transmittance);

          const gradient = vec3((channel) => quad.loadF32x4(QUAD.colorGradient + 16 * channel));
          for (const channel of [0, 1, 2] as const) {
            color[channel].set(weight.madd(gradient[channel], color[channel]));
          }
          const own = dot(splat.color, gradient).mul(weight);
          const remaining = quad.loadF32x4(QUAD.remaining).sub(own);
          quad.storeF32x4(remaining, QUAD.remaining);
          const behind = remaining.mul(alpha).div(k.f32x4(1).sub(alpha));
          // dL/d(ln alpha), also where alpha was clamped, so that it can decrease again.
          const slope = own.sub(behind);

          const slopeY = slope.mul(dy);
          strip.one.set(strip.one.add(slope));
          strip.y.set(strip.y.add(slopeY));
          g.yy.set(slopeY.madd(dy, g.yy));
          error.set(weight.madd(quad.loadF32x4(QUAD.error), error));
        },
        () => {
          strip.one.set(zero);
          strip.y.set(zero);
        },
        ({ dx }) => {
          const gx = strip.one.mul(dx);
          g.one.set(g.one.add(strip.one));
          g.x.set(g.x.add(gx));
          g.y.set(g.y.add(strip.y));
          g.xx.set(gx.madd(dx, g.xx));
          g.xy.set(strip.y.madd(dx, g.xy));
        },
      );
      const slot = pair.loadI32(4).mul(PAIR_FLOATS * 4);
      slot.storeF32x4(laneSums(g.one, g.x, g.y, g.xx), layout.pairGradients);
      slot.storeF32x4(laneSums(g.xy, g.yy, color[0], color[1]), layout.pairGradients + 16);
      slot.storeF32x4(laneSums(color[2], error, zero, zero), layout.pairGradients + 32);
    });
  });
  // Pairs that the forward pass did not reach have no gradient.
  k.for(reached, tile.endPair, PAIR_BYTES, (pair) => {
    const slot = pair.loadI32(4).mul(PAIR_FLOATS * 4);
    for (let offset = 0; offset < PAIR_FLOATS * 4; offset += 16) {
      slot.storeF32x4(zero, layout.pairGradients + offset);
    }
  });
  return k.finish("blendBackward");
}
