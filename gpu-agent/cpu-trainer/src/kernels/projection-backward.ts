import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import type { F32x4, I32 } from "../wasm/values.ts";
import { combine, dot, transformTransposed, transpose4, type Vec3, vec3 } from "./math.ts";
import {
  GRADIENT_ROW_BYTES,
  type MemoryLayout,
  PAIR_FLOATS,
  PAIR_GRADIENT,
  PARAM,
  paramRows,
  UNIFORM,
} from "./memory-layout.ts";
import {
  type Camera,
  loadCamera,
  loadParam,
  type Projection,
  project,
  type Quaternion,
  shColor,
  viewDirection,
} from "./projection.ts";
import { shBasis, shDirectionGradient } from "./sh-kernel.ts";
import { shCoefficients } from "./spherical-harmonics.ts";

/**
 * Kernel `projectBackward<degree>(first, end, gradients)`: sums the tiles' gradients of each gaussian and
 * propagates them back through the projection to its parameters. `first` to `end` lie within one chunk; the
 * gradients of the chunk go to `gradients`, one row of GRADIENT_ROW_BYTES for each row of the parameter table, and
 * three more (see `gradientRows`).
 *
 * The chain is that of Kerbl et al. 2023, appendix A, written for the factored covariance.
 */
export function projectionBackwardKernel(
  layout: MemoryLayout,
  constants: ConstantPool,
  degree: number,
): FunctionCode {
  const k = new KernelBuilder(constants);
  const [first, end, gradients] = [k.paramI32(), k.paramI32(), k.paramI32()];
  const camera = loadCamera(k, layout);
  const uniforms = k.i32(layout.uniforms);
  k.for(first, end, 4, (index) => {
    const address = index.shiftLeft(2);
    const visible = address.loadMask(layout.visible);
    k.if(visible.any(), () => {
      const own = gradients.add(index.sub(first).shiftLeft(2));
      const store = (row: number, value: F32x4) => own.storeF32x4(value, row * GRADIENT_ROW_BYTES);
      const sums = gatherPairs(k, layout, index);
      for (const [field, base] of [
        ["error", layout.errorSum],
        ["weight", layout.weightSum],
      ] as const) {
        address.storeF32x4(address.loadF32x4(base).add(sums[field]), base);
      }
      const p = project(k, layout, camera, address);

      const opacityPenalty = uniforms.loadSplat(UNIFORM.opacityPenalty * 4).mul(p.opacity);
      store(PARAM.opacity, sums.g.add(opacityPenalty).mul(k.f32x4(1).sub(p.opacity)));

      const shape = throughConic(p, sums);
      const meanFromShape = throughAxes(k, p, shape.byScreenShape, camera, uniforms, store);
      const { direction, invDistance } = viewDirection(k, layout, camera, address);
      const meanFromColor = throughColor(k, layout, degree, address, direction, invDistance, sums, store);
      const fromPosition = transformTransposed(
        camera.rotation,
        throughPosition(p, shape.byCenter, meanFromShape),
      );
      for (const axis of [0, 1, 2] as const) {
        store(PARAM.mean + axis, fromPosition[axis].add(meanFromColor[axis]));
        store(paramRows(layout.shDegree) + axis, meanFromColor[axis]);
      }
    });
  });
  return k.finish(`projectBackward${degree}`);
}

type PairSums = { readonly [field in keyof typeof PAIR_GRADIENT]: F32x4 };

/** Adds up the slots of each of four gaussians. */
function gatherPairs(k: KernelBuilder, layout: MemoryLayout, index: I32): PairSums {
  const address = index.shiftLeft(2);
  const bytes = PAIR_FLOATS * 4;
  const gaussianSums = (lane: number) => {
    const sums = vec3(() => k.variable(k.f32x4(0)));
    const first = address.loadI32(layout.firstSlot + lane * 4);
    const end = first.add(address.loadI32(layout.tileCount + lane * 4));
    k.for(first.mul(bytes), end.mul(bytes), bytes, (slot) => {
      for (const part of [0, 1, 2] as const) {
        sums[part].set(sums[part].add(slot.loadF32x4(layout.pairGradients + 16 * part)));
      }
    });
    return sums;
  };
  const [a, b, c, d] = [gaussianSums(0), gaussianSums(1), gaussianSums(2), gaussianSums(3)] as const;
  const columns = vec3((part) => transpose4(a[part], b[part], c[part], d[part])).flat();
  const sums = Object.entries(PAIR_GRADIENT).map(([field, i]) => [field, columns[i]]);
  return Object.fromEntries(sums) as PairSums;
}

/**
 * From the sums over pixels to the projected centre and to U (of which U·Uᵀ is the covariance).
 *
 * With the conic Q = covariance⁻¹ and S = Σ g·d·dᵀ: dL/dcentre = Q·Σ g·d, dL/dcovariance = ½·Q·S·Q and so
 * dL/dU = Q·S·Q·U.
 */
function throughConic(
  p: Projection,
  sums: PairSums,
): { byCenter: [F32x4, F32x4]; byScreenShape: [Vec3, Vec3] } {
  const [xx, xy, yy] = p.covariance;
  const [qa, qb, qc] = [yy.mul(p.invDeterminant), xy.mul(p.invDeterminant).neg(), xx.mul(p.invDeterminant)];
  // Q·S, then (Q·S)·Q.
  const r00 = qa.madd(sums.gxx, qb.mul(sums.gxy));
  const r01 = qa.madd(sums.gxy, qb.mul(sums.gyy));
  const r10 = qb.madd(sums.gxx, qc.mul(sums.gxy));
  const r11 = qb.madd(sums.gxy, qc.mul(sums.gyy));
  const v00 = r00.madd(qa, r01.mul(qb));
  const v01 = r00.madd(qb, r01.mul(qc));
  const v11 = r10.madd(qb, r11.mul(qc));
  const [u0, u1] = p.screenShape;
  return {
    byCenter: [qa.madd(sums.gx, qb.mul(sums.gy)), qb.madd(sums.gx, qc.mul(sums.gy))],
    byScreenShape: [combine(v00, u0, v01, u1), combine(v01, u0, v11, u1)],
  };
}

/**
 * From U = screenAxes · axes to scale and rotation, which are stored, and to the Jacobian's entries, whose
 * gradients are returned: [fx/z, −fx·x/z², fy/z, −fy·y/z²].
 */
function throughAxes(
  k: KernelBuilder,
  p: Projection,
  [d0, d1]: [Vec3, Vec3],
  camera: Camera,
  uniforms: I32,
  store: (row: number, value: F32x4) => void,
): [F32x4, F32x4, F32x4, F32x4] {
  const [t0, t1] = p.screenAxes;
  const byAxes = vec3((i) => vec3((j) => t0[i].madd(d0[j], t1[i].mul(d1[j]))));
  const scalePenalty = uniforms.loadSplat(UNIFORM.scalePenalty * 4);
  for (const j of [0, 1, 2] as const) {
    const along = byAxes[0][j].madd(
      p.axes[0][j],
      byAxes[1][j].madd(p.axes[1][j], byAxes[2][j].mul(p.axes[2][j])),
    );
    store(PARAM.logScale + j, scalePenalty.madd(p.scale[j], along));
  }
  const byRotation = vec3((i) => vec3((j) => byAxes[i][j].mul(p.scale[j])));
  throughQuaternion(k, p.quaternion, p.invQuaternionLength, byRotation, (part, value) =>
    store(PARAM.rotation + part, value),
  );

  // dL/dscreenAxes = dL/dU · axesᵀ, then dL/dJ = that · viewᵀ.
  const byScreenAxis0 = vec3((i) => dot(d0, p.axes[i]));
  const byScreenAxis1 = vec3((i) => dot(d1, p.axes[i]));
  return [
    dot(byScreenAxis0, camera.rotation[0]),
    dot(byScreenAxis0, camera.rotation[2]),
    dot(byScreenAxis1, camera.rotation[1]),
    dot(byScreenAxis1, camera.rotation[2]),
  ];
}

/** From a rotation matrix to the raw quaternion, through its normalisation. */
function throughQuaternion(
  k: KernelBuilder,
  [w, x, y, z]: Quaternion,
  invLength: F32x4,
  m: readonly [Vec3, Vec3, Vec3],
  store: (part: number, value: F32x4) => void,
): void {
  const antisymmetric = [m[2][1].sub(m[1][2]), m[0][2].sub(m[2][0]), m[1][0].sub(m[0][1])] as const;
  const [s12, s02, s01] = [m[1][2].add(m[2][1]), m[0][2].add(m[2][0]), m[0][1].add(m[1][0])];
  const two = k.f32x4(2);
  const byW = dot([x, y, z], antisymmetric).mul(2);
  const byX = dot([y, z, w], [s01, s02, antisymmetric[0]])
    .sub(two.mul(x).mul(m[1][1].add(m[2][2])))
    .mul(2);
  const byY = dot([x, z, w], [s01, s12, antisymmetric[1]])
    .sub(two.mul(y).mul(m[0][0].add(m[2][2])))
    .mul(2);
  const byZ = dot([x, y, w], [s02, s12, antisymmetric[2]])
    .sub(two.mul(z).mul(m[0][0].add(m[1][1])))
    .mul(2);
  const radial = w.madd(byW, x.madd(byX, y.madd(byY, z.mul(byZ))));
  [byW, byX, byY, byZ].forEach((value, part) => {
    const unit = [w, x, y, z][part] as F32x4;
    store(part, unit.nmadd(radial, value).mul(invLength));
  });
}

/** From the projected centre and the Jacobian to the position in camera coordinates. */
function throughPosition(
  p: Projection,
  byCenter: readonly [F32x4, F32x4],
  [byJ00, byJ02, byJ11, byJ12]: readonly [F32x4, F32x4, F32x4, F32x4],
): Vec3 {
  const along = (axis: 0 | 1, byDiagonal: F32x4, byDepthEntry: F32x4) => {
    const diagonal = p.jacobianDiagonal[axis];
    const slope = p.position[axis].mul(p.invDepth);
    // The depth entry is −diagonal · slope, with the slope constant where it was clamped.
    const bySlope = byDepthEntry.mul(diagonal).neg().where(p.slopeIsFree[axis]);
    const byDiagonalTotal = byDepthEntry.nmadd(p.slope[axis], byDiagonal);
    const toPosition = byCenter[axis].madd(diagonal, bySlope.mul(p.invDepth));
    const toDepth = toPosition.mul(slope).add(byDiagonalTotal.mul(diagonal).mul(p.invDepth)).neg();
    return { toPosition, toDepth };
  };
  const [h, v] = [along(0, byJ00, byJ02), along(1, byJ11, byJ12)];
  return [h.toPosition, v.toPosition, h.toDepth.add(v.toDepth)];
}

/** From the colour to the SH coefficients, which are stored, and to the position by way of the direction. */
function throughColor(
  k: KernelBuilder,
  layout: MemoryLayout,
  degree: number,
  address: I32,
  direction: Vec3,
  invDistance: F32x4,
  sums: PairSums,
  store: (row: number, value: F32x4) => void,
): Vec3 {
  const basis = shBasis(k, degree, direction);
  const color = shColor(k, layout, address, basis);
  const byColor: Vec3 = [
    sums.red.where(color[0].gt(0)),
    sums.green.where(color[1].gt(0)),
    sums.blue.where(color[2].gt(0)),
  ];
  const weights = basis.map((value, i) => {
    const row = PARAM.sh + 3 * i;
    for (const channel of [0, 1, 2] as const) store(row + channel, byColor[channel].mul(value));
    return dot(
      vec3((channel) => loadParam(layout, address, row + channel)),
      byColor,
    );
  });
  // Coefficients of degrees not yet in use get no gradient.
  for (
    let row = PARAM.sh + 3 * shCoefficients(degree);
    row < PARAM.sh + 3 * shCoefficients(layout.shDegree);
    row++
  ) {
    store(row, k.f32x4(0));
  }
  const byDirection = shDirectionGradient(k, degree, direction, weights);
  const radial = dot(byDirection, direction);
  return vec3((axis) => direction[axis].nmadd(radial, byDirection[axis]).mul(invDistance));
}
