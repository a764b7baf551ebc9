import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import { GRADIENT_ROW_BYTES, type MemoryLayout, paramRows, UNIFORM } from "./memory-layout.ts";

const EPSILON = 1e-15;

/**
 * Kernel `adam<degree>(first, end, gradients)`: one step of Adam (Kingma & Ba 2015) for the visible gaussians
 * of a chunk; the others keep their parameters and moments (as in Mallick et al. 2024, "Taming 3DGS").
 *
 * `stepSizes` hold the learning rates already divided by 1 − beta1^t, and `biasCorrection2` is
 * 1 / (1 − beta2^t).
 */
export function adamKernel(layout: MemoryLayout, constants: ConstantPool, degree: number): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, end, gradients] = [k.paramI32(), k.paramI32(), k.paramI32()];
  const uniforms = k.i32(layout.uniforms);
  const beta1 = uniforms.loadSplat(UNIFORM.beta1 * 4);
  const beta2 = uniforms.loadSplat(UNIFORM.beta2 * 4);
  const correction = uniforms.loadSplat(UNIFORM.biasCorrection2 * 4);
  // Row by row: each is a stream that the processor can prefetch.
  k.for(0, paramRows(degree), 1, (row) => {
    const stepSize = row.shiftLeft(2).loadSplat(layout.uniforms + UNIFORM.stepSizes * 4);
    const rowGradients = gradients.add(row.mul(GRADIENT_ROW_BYTES));
    const rowOffset = row.mul(layout.rowStride);
    k.for(first, end, 4, (index, gaussians) => {
      const visible = index.shiftLeft(2).loadMask(layout.visible);
      gaussians.continueIf(visible.any().not());
      const gradient = rowGradients.add(index.sub(first).shiftLeft(2)).loadF32x4();
      const address = rowOffset.add(index.shiftLeft(2));
      const param = address.loadF32x4(layout.params);
      const moment1 = address.loadF32x4(layout.moments1);
      const moment2 = address.loadF32x4(layout.moments2);
      const square = gradient.mul(gradient);
      const newMoment1 = moment1.sub(gradient).madd(beta1, gradient);
      const newMoment2 = moment2.sub(square).madd(beta2, square);
      const step = stepSize.mul(newMoment1).div(newMoment2.mul(correction).sqrt().add(EPSILON));
      address.storeF32x4(param.sub(step.where(visible)), layout.params);
      address.storeF32x4(visible.select(newMoment1, moment1), layout.moments1);
      address.storeF32x4(visible.select(newMoment2, moment2), layout.moments2);
    });
  });
  return k.finish(`adam${degree}`);
}
