import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import type { F32x4, I32 } from "../wasm/values.ts";
import { laneSums } from "./math.ts";
import { type MemoryLayout, PLANE_MARGIN, UNIFORM } from "./memory-layout.ts";

/*
 * The loss of Kerbl et al. 2023, eq. 7: l1Weight · mean|x − y| + ssimWeight · (1 − mean SSIM), for a
 * rendering x and a photo y, over all pixels and channels.
 *
 * SSIM (Wang et al. 2004, eq. 13) with a Gaussian window: from the filtered means µx, µy and the filtered
 * P = x² + y² and Q = x·y,
 *   SSIM = (2µxµy + C1)(2(Q − µxµy) + C2) / ((µx² + µy² + C1)(P − µx² − µy² + C2)),
 * which needs four filters instead of five. The window is separable and symmetric, so the gradient is three
 * more filters of SSIM's derivatives by µx, P and Q.
 */
export const SSIM_SIGMA = 1.5;
export const SSIM_RADIUS = 5;
export const SSIM_C1 = 0.01 ** 2;
export const SSIM_C2 = 0.03 ** 2;

/** The window's weights at distances 0–5; both sides together sum to 1. */
export const SSIM_WINDOW: readonly number[] = (() => {
  const weights = Array.from({ length: SSIM_RADIUS + 1 }, (_, i) =>
    Math.exp(-(i ** 2) / (2 * SSIM_SIGMA ** 2)),
  );
  const total = weights.reduce((sum, weight, i) => sum + (i === 0 ? weight : 2 * weight), 0);
  return weights.map((weight) => weight / total);
})();

/** The sums that `ssim` stores for each image row, as floats in `rowSums`. */
export const ROW_SUM = { absolute: 0, squared: 1, ssim: 2, validPixels: 3 } as const;

/**
 * Kernel `loadTarget(first, end)`: rows of the photo's bytes to floats in the `target` planes, 0–1 over the frame's
 * gain.
 */
export function loadTargetKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, end] = [k.paramI32(), k.paramI32()];
  const image = imageSize(k, layout);
  forEachQuadOfRows(k, layout, first, end, ({ plane, inside, bytes }) => {
    for (let channel = 0; channel < 3; channel++) {
      const frame = image.uniforms.loadI32((UNIFORM.frame + channel) * 4);
      const value = frame
        .add(bytes)
        .loadBytes()
        .mul(image.uniforms.loadSplat((UNIFORM.photoScale + channel) * 4));
      plane.storeF32x4(value.where(inside), layout.target + channel * layout.planeBytes);
    }
  });
  return k.finish("loadTarget");
}

/**
 * Kernel `ssim(first, end, scratch)`: for the image's rows from `first` to `end`, the sums of the loss and
 * SSIM's derivatives by µx, P and Q.
 */
export function ssimKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, end, scratch] = [k.paramI32(), k.paramI32(), k.paramI32()];
  const image = imageSize(k, layout);
  const rowBuffer = (index: number) => scratch.add(image.stride.mul(index));
  const buffers = [rowBuffer(0), rowBuffer(1), rowBuffer(2), rowBuffer(3)] as const;
  clearMargins(k, image, buffers);
  k.for(first, end, 1, (y) => {
    const row = y
      .add(PLANE_MARGIN)
      .mul(image.stride)
      .add(PLANE_MARGIN * 4);
    const sums = [0, 1, 2, 3].map(() => k.variable(k.f32x4(0)));
    const [absolute, squared, ssimSum, valid] = sums as [Sum, Sum, Sum, Sum];
    for (let channel = 0; channel < 3; channel++) {
      const [rendered, target] = [layout.rendered, layout.target].map(
        (base) => base + channel * layout.planeBytes,
      );
      // Down the columns, all four quantities together.
      k.for(0, image.rowBytes, 16, (x) => {
        const center = row.add(x);
        const load = (offset: number) => ({
          x: offsetRows(center, image.stride, offset).loadF32x4(rendered),
          y: offsetRows(center, image.stride, offset).loadF32x4(target),
        });
        const middle = load(0);
        const weight = SSIM_WINDOW[0] as number;
        let [meanX, meanY] = [middle.x.mul(weight), middle.y.mul(weight)];
        let p = middle.x.madd(middle.x, middle.y.mul(middle.y)).mul(weight);
        let q = middle.x.mul(middle.y).mul(weight);
        for (let i = 1; i <= SSIM_RADIUS; i++) {
          const weight = SSIM_WINDOW[i] as number;
          const [above, below] = [load(-i), load(i)];
          meanX = above.x.add(below.x).madd(weight, meanX);
          meanY = above.y.add(below.y).madd(weight, meanY);
          const squares = above.x.madd(
            above.x,
            above.y.madd(above.y, below.x.madd(below.x, below.y.mul(below.y))),
          );
          p = squares.madd(weight, p);
          q = above.x.madd(above.y, below.x.mul(below.y)).madd(weight, q);
        }
        [meanX, meanY, p, q].forEach((value, i) => {
          (buffers[i] as I32).add(x).storeF32x4(value, PLANE_MARGIN * 4);
        });
      });
      // Along the row, and the formula.
      k.for(0, image.rowBytes, 16, (x) => {
        const [meanX, meanY, p, q] = buffers.map((buffer) => alongRow(buffer.add(x))) as [
          F32x4,
          F32x4,
          F32x4,
          F32x4,
        ];
        const inside = lanesInside(k, image, x);
        const meanProduct = meanX.mul(meanY);
        const meanSquares = meanX.madd(meanX, meanY.mul(meanY));
        const a1 = meanProduct.madd(2, SSIM_C1);
        const a2 = q.sub(meanProduct).madd(2, SSIM_C2);
        const b1 = meanSquares.add(SSIM_C1);
        const b2 = p.sub(meanSquares).add(SSIM_C2);
        const [invB1, invB2] = [k.f32x4(1).div(b1), k.f32x4(1).div(b2)];
        const invB = invB1.mul(invB2);
        const ssim = a1.mul(a2).mul(invB);
        const byMean = a2
          .sub(a1)
          .mul(meanY)
          .mul(invB)
          .sub(ssim.mul(meanX).mul(invB1.sub(invB2)))
          .mul(2);
        const byP = ssim.mul(invB2).neg();
        const byQ = a1.mul(invB).mul(2);
        const here = row.add(x);
        [byMean, byP, byQ].forEach((value, i) => {
          here.storeF32x4(value.where(inside), layout.ssimMaps + (3 * channel + i) * layout.planeBytes);
        });
        const difference = here.loadF32x4(rendered).sub(here.loadF32x4(target));
        const counted = validPixels(image, y, x).and(inside);
        ssimSum.set(ssimSum.add(ssim.where(counted)));
        absolute.set(absolute.add(difference.abs()));
        squared.set(difference.madd(difference, squared));
        if (channel === 0) valid.set(valid.add(k.f32x4(1).where(counted)));
      });
    }
    const total = laneSums(absolute, squared, ssimSum, valid);
    y.shiftLeft(4).storeF32x4(total, layout.rowSums);
  });
  return k.finish("ssim");
}

/**
 * Kernel `lossBackward(first, end, scratch)`: rows of dL/drendering into the `gradient` planes, and of the
 * summed absolute difference into `error`. The kernel `ssim` must have done all rows before.
 */
export function lossBackwardKernel(layout: MemoryLayout, constants: ConstantPool): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, end, scratch] = [k.paramI32(), k.paramI32(), k.paramI32()];
  const image = imageSize(k, layout);
  const buffers = [0, 1, 2].map((index) => scratch.add(image.stride.mul(index)));
  clearMargins(k, image, buffers);
  const values = image.uniforms
    .loadSplat(UNIFORM.widthF32 * 4)
    .mul(image.uniforms.loadSplat(UNIFORM.heightF32 * 4))
    .mul(3);
  const l1Step = image.uniforms.loadSplat(UNIFORM.l1Weight * 4).div(values);
  const ssimStep = image.uniforms
    .loadSplat(UNIFORM.ssimWeight * 4)
    .div(values)
    .neg();
  k.for(first, end, 1, (y) => {
    const row = y
      .add(PLANE_MARGIN)
      .mul(image.stride)
      .add(PLANE_MARGIN * 4);
    for (let channel = 0; channel < 3; channel++) {
      const [rendered, target] = [layout.rendered, layout.target].map(
        (base) => base + channel * layout.planeBytes,
      );
      k.for(0, image.rowBytes, 16, (x) => {
        buffers.forEach((buffer, i) => {
          const map = layout.ssimMaps + (3 * channel + i) * layout.planeBytes;
          const at = (offset: number) => offsetRows(row.add(x), image.stride, offset).loadF32x4(map);
          buffer.add(x).storeF32x4(filter(at), PLANE_MARGIN * 4);
        });
      });
      k.for(0, image.rowBytes, 16, (x) => {
        const [byMean, byP, byQ] = buffers.map((buffer) => alongRow(buffer.add(x))) as [F32x4, F32x4, F32x4];
        const here = row.add(x);
        const [value, photo] = [here.loadF32x4(rendered), here.loadF32x4(target)];
        const bySsim = byP.mul(value).madd(2, photo.madd(byQ, byMean));
        const one = k.f32x4(1);
        const sign = one.where(value.gt(photo)).sub(one.where(value.lt(photo)));
        const gradient = l1Step.madd(sign, ssimStep.mul(bySsim));
        here.storeF32x4(
          gradient.where(validPixels(image, y, x)).where(lanesInside(k, image, x)),
          layout.gradient + channel * layout.planeBytes,
        );
        const difference = value.sub(photo).abs();
        here.storeF32x4(
          channel === 0 ? difference : difference.add(here.loadF32x4(layout.error)),
          layout.error,
        );
      });
    }
  });
  return k.finish("lossBackward");
}

type Sum = ReturnType<typeof accumulator>;
function accumulator(k: KernelBuilder) {
  return k.variable(k.f32x4(0));
}

interface ImageSize {
  readonly uniforms: I32;
  readonly width: F32x4;
  readonly stride: I32;
  /** Bytes of a row's pixels, rounded up to whole vectors. */
  readonly rowBytes: I32;
  readonly frameStride: I32;
  readonly validMask: I32;
}

function imageSize(k: KernelBuilder, layout: MemoryLayout): ImageSize {
  const uniforms = k.i32(layout.uniforms);
  return {
    uniforms,
    width: uniforms.loadSplat(UNIFORM.widthF32 * 4),
    stride: uniforms.loadI32(UNIFORM.planeStride * 4),
    rowBytes: uniforms
      .loadI32(UNIFORM.width * 4)
      .add(3)
      .and(-4)
      .shiftLeft(2),
    frameStride: uniforms.loadI32(UNIFORM.frameStride * 4),
    validMask: uniforms.loadI32(UNIFORM.validMask * 4),
  };
}

/** Visits four pixels at a time: their place in a plane, in the frame's bytes, and which are inside. */
function forEachQuadOfRows(
  k: KernelBuilder,
  layout: MemoryLayout,
  first: I32,
  end: I32,
  body: (quad: { plane: I32; bytes: I32; inside: ReturnType<typeof lanesInside> }) => void,
): void {
  const image = imageSize(k, layout);
  k.for(first, end, 1, (y) => {
    const row = y
      .add(PLANE_MARGIN)
      .mul(image.stride)
      .add(PLANE_MARGIN * 4);
    k.for(0, image.rowBytes, 16, (x) => {
      body({
        plane: row.add(x),
        bytes: y.mul(image.frameStride).add(x.shiftRight(2)),
        inside: lanesInside(k, image, x),
      });
    });
  });
}

/** Which of the four pixels at byte `x` of a row are left of the image's right border. */
function lanesInside(k: KernelBuilder, image: ImageSize, x: I32) {
  return x
    .shiftRight(2)
    .toF32()
    .splat()
    .add(k.lanes(0.5, 1.5, 2.5, 3.5))
    .lt(image.width);
}

function validPixels(image: ImageSize, y: I32, x: I32) {
  return image.validMask.add(y.mul(image.frameStride)).add(x.shiftRight(2)).loadByteMask();
}

function clearMargins(k: KernelBuilder, image: ImageSize, buffers: readonly I32[]): void {
  const zero = k.f32x4(0);
  for (const buffer of buffers) {
    for (let byte = 0; byte < PLANE_MARGIN * 4; byte += 16) {
      buffer.storeF32x4(zero, byte);
      buffer.add(image.rowBytes).storeF32x4(zero, PLANE_MARGIN * 4 + byte);
    }
  }
}

/** The window laid over what `at` gives for the offsets −5 … 5. */
function filter(at: (offset: number) => F32x4): F32x4 {
  let sum = at(0).mul(SSIM_WINDOW[0] as number);
  for (let i = 1; i <= SSIM_RADIUS; i++)
    sum = at(-i)
      .add(at(i))
      .madd(SSIM_WINDOW[i] as number, sum);
  return sum;
}

function alongRow(address: I32): F32x4 {
  return filter((offset) => address.loadF32x4((PLANE_MARGIN + offset) * 4));
}

function offsetRows(address: I32, stride: I32, rows: number): I32 {
  return rows === 0 ? address : address.add(stride.mul(rows));
}
