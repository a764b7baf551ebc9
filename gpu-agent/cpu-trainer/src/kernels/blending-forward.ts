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
import { vec3 } from "./math.ts";
import { type MemoryLayout, UNIFORM } from "./memory-layout.ts";

/** Byte offsets in the state of a quad. */
const QUAD = { transmittance: 0, color: 16 } as const;
const QUAD_BYTES = 64;

/**
 * Kernel `blend(tile, state)`: blends a tile's gaussians front to back (Kerbl et al. 2023, eq. 3) into the
 * `rendered` planes. Where the photo has no valid pixel, the photo's own value is used: no loss, no
 * gradient. Stores the number of blended pairs in `tileCursor`.
 */
export function blendKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const tileIndex = k.paramI32();
  const tile = tileContext(k, layout, tileIndex, k.paramI32(), QUAD_BYTES);
  const zero = k.f32x4(0);

  openStrips(k, tile);
  forEachQuad(k, layout, tile, (quad, { rowIsInside, inside }) => {
    // Pixels outside the image are finished from the start.
    const open = k.f32x4(1).where(inside);
    quad.storeF32x4(zero, QUAD.transmittance);
    k.if(rowIsInside, () => quad.storeF32x4(open, QUAD.transmittance));
    for (let channel = 0; channel < 3; channel++) quad.storeF32x4(zero, QUAD.color + 16 * channel);
  });

  const reached = k.variable(tile.firstPair);
  k.for(tile.firstPair, tile.endPair, PAIRS_BETWEEN_CHECKS * PAIR_BYTES, (batch, batches) => {
    batches.breakIf(closeStrips(k, layout, tile, QUAD.transmittance));
    reached.set(batch.add(PAIRS_BETWEEN_CHECKS * PAIR_BYTES).min(tile.endPair));
    k.for(batch, reached, PAIR_BYTES, (pair) => {
      const splat = loadTileSplat(k, layout, tile, pair.loadI32());
      forEachTouchedQuad(k, tile, splat, (quad, alpha) => {
        const transmittance = quad.loadF32x4(QUAD.transmittance);
        const weight = visibleAlpha(k, layout, alpha).mul(transmittance);
        quad.storeF32x4(transmittance.sub(weight), QUAD.transmittance);
        splat.color.forEach((value, channel) => {
          const offset = QUAD.color + 16 * channel;
          quad.storeF32x4(weight.madd(value, quad.loadF32x4(offset)), offset);
        });
      });
    });
  });
  tileIndex.shiftLeft(2).storeI32(reached, layout.tileCursor);

  const uniforms = k.i32(layout.uniforms);
  const background = vec3((channel) => uniforms.loadSplat((UNIFORM.background + channel) * 4));
  const validMask = uniforms.loadI32(UNIFORM.validMask * 4);
  const frameStride = uniforms.loadI32(UNIFORM.frameStride * 4);
  forEachQuad(k, layout, tile, (quad, { rowIsInside, inside, x, y, planeOffset }) => {
    k.if(rowIsInside, () => {
      const valid = validMask.add(y.mul(frameStride)).add(x).loadByteMask();
      const transmittance = quad.loadF32x4(QUAD.transmittance);
      for (const channel of [0, 1, 2] as const) {
        const color = transmittance.madd(background[channel], quad.loadF32x4(QUAD.color + 16 * channel));
        const photo = planeOffset.loadF32x4(layout.target + channel * layout.planeBytes);
        const shown = valid.select(color, photo).where(inside);
        planeOffset.storeF32x4(shown, layout.rendered + channel * layout.planeBytes);
      }
    });
  });
  return k.finish("blend");
}
