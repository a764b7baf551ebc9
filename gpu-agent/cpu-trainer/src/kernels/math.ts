import type { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { F32x4 } from "../wasm/values.ts";

/** Three vectors of four lanes: a 3-vector for each of four gaussians. */
export type Vec3 = readonly [F32x4, F32x4, F32x4];

export type Axis = 0 | 1 | 2;

export function vec3<T>(component: (axis: Axis) => T): readonly [T, T, T] {
  return [component(0), component(1), component(2)];
}

/** Three rows. */
export type Mat3 = readonly [Vec3, Vec3, Vec3];

/** Adding this to a float of less than 2²² rounds it to an integer, which then stands in the low bits. */
const ROUNDING = 1.5 * 2 ** 23;

/** Minimax polynomial of 2^x on [−½, ½], highest power first; relative error 7.5·10⁻⁸. */
const EXP2 = [1.327647198e-3, 9.675541334e-3, 5.550713274e-2, 2.402211972e-1, 6.931469671e-1, 1.000000072];

/**
 * 2^x for x < 126; for x below −126 the result is meaningless, so bound x where it can get there.
 * The power of two is added to the exponent bits of a polynomial for the fraction.
 */
export function exp2(k: KernelBuilder, x: F32x4): F32x4 {
  const shifted = x.add(ROUNDING);
  const fraction = x.sub(shifted.sub(ROUNDING));
  const [first = 0, ...others] = EXP2;
  let mantissa = k.f32x4(first);
  for (const coefficient of others) mantissa = mantissa.madd(fraction, coefficient);
  return mantissa.bits().addI32(shifted.bits().shiftLeft(23)).asF32x4();
}

/** e^x, with x held between −80 and 80. */
export function exp(k: KernelBuilder, x: F32x4): F32x4 {
  return exp2(k, x.max(-80).min(80).mul(Math.LOG2E));
}

/** 1 / (1 + e^−x). */
export function sigmoid(k: KernelBuilder, x: F32x4): F32x4 {
  return k.f32x4(1).div(exp(k, x.neg()).add(1));
}

/**
 * log2 of a positive, normal x. With x = m·2^e and m around 1: e + log2(m), the latter by the series of
 * 2·artanh((m − 1) / (m + 1)).
 */
export function log2(k: KernelBuilder, x: F32x4): F32x4 {
  const sqrtHalf = k.f32x4(Math.SQRT1_2).bits();
  const exponentBits = x.bits().subI32(sqrtHalf).shiftRightSigned(23);
  const m = x.bits().subI32(exponentBits.shiftLeft(23)).asF32x4();
  const t = m.sub(1).div(m.add(1));
  const t2 = t.mul(t);
  const series = t2
    .madd(1 / 9, 1 / 7)
    .madd(t2, 1 / 5)
    .madd(t2, 1 / 3)
    .madd(t2, 1);
  return series.mul(t).madd(2 * Math.LOG2E, exponentBits.toF32x4());
}

export function dot(a: Vec3, b: Vec3): F32x4 {
  return a[0].madd(b[0], a[1].madd(b[1], a[2].mul(b[2])));
}

/** m · v. */
export function transform(m: Mat3, v: Vec3): Vec3 {
  return vec3((i) => dot(m[i], v));
}

/** mᵀ · v. */
export function transformTransposed(m: Mat3, v: Vec3): Vec3 {
  return vec3((j) => m[0][j].madd(v[0], m[1][j].madd(v[1], m[2][j].mul(v[2]))));
}

/** a · x + b · y. */
export function combine(a: F32x4, x: Vec3, b: F32x4, y: Vec3): Vec3 {
  return vec3((i) => a.madd(x[i], b.mul(y[i])));
}

/** Rows become columns: lane j of result i is lane i of argument j. */
export function transpose4(a: F32x4, b: F32x4, c: F32x4, d: F32x4): [F32x4, F32x4, F32x4, F32x4] {
  const abLow = a.shuffle(b, [0, 4, 1, 5]);
  const abHigh = a.shuffle(b, [2, 6, 3, 7]);
  const cdLow = c.shuffle(d, [0, 4, 1, 5]);
  const cdHigh = c.shuffle(d, [2, 6, 3, 7]);
  return [
    abLow.shuffle(cdLow, [0, 1, 4, 5]),
    abLow.shuffle(cdLow, [2, 3, 6, 7]),
    abHigh.shuffle(cdHigh, [0, 1, 4, 5]),
    abHigh.shuffle(cdHigh, [2, 3, 6, 7]),
  ];
}

/** The sum over the lanes of each argument. */
export function laneSums(a: F32x4, b: F32x4, c: F32x4, d: F32x4): F32x4 {
  const [w, x, y, z] = transpose4(a, b, c, d);
  return w.add(x).add(y.add(z));
}
