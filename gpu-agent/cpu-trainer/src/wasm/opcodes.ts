import { unsigned } from "./number-encoding.ts";

/*
 * The instructions that the kernels use, by their names in the specification.
 *
 * Source: WebAssembly Core Specification 3.0, Index of Instructions; Threads proposal.
 */

const PLAIN = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br_if: 0x0d,
  drop: 0x1a,
  select: 0x1b,
  "local.get": 0x20,
  "local.set": 0x21,
  "i32.load": 0x28,
  "f32.load": 0x2a,
  "i32.store": 0x36,
  "f32.store": 0x38,
  "i32.const": 0x41,
  "i64.const": 0x42,
  "f32.const": 0x43,
  "i32.eqz": 0x45,
  "i32.eq": 0x46,
  "i32.lt_s": 0x48,
  "i32.gt_s": 0x4a,
  "i32.ge_s": 0x4e,
  "i64.eqz": 0x50,
  "f32.lt": 0x5d,
  "f32.gt": 0x5e,
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.div_s": 0x6d,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "i32.shr_u": 0x76,
  "i64.ctz": 0x7a,
  "i64.sub": 0x7d,
  "i64.and": 0x83,
  "i64.or": 0x84,
  "i64.shl": 0x86,
  "f32.sqrt": 0x91,
  "f32.add": 0x92,
  "f32.sub": 0x93,
  "f32.mul": 0x94,
  "f32.div": 0x95,
  "f32.min": 0x96,
  "f32.max": 0x97,
  "i32.wrap_i64": 0xa7,
  "i64.extend_i32_u": 0xad,
  "f32.convert_i32_s": 0xb2,
} as const;

/** Saturating conversions, behind the prefix 0xfc. */
const SATURATING = { "i32.trunc_sat_f32_s": 0x00 } as const;

/** Vectors, behind the prefix 0xfd; Relaxed SIMD among them. */
const VECTOR = {
  "v128.load": 0x00,
  "v128.load32_splat": 0x09,
  "v128.store": 0x0b,
  "i8x16.shuffle": 0x0d,
  "i32x4.splat": 0x11,
  "f32x4.splat": 0x13,
  "i32x4.extract_lane": 0x1b,
  "f32x4.extract_lane": 0x1f,
  "f32x4.lt": 0x43,
  "f32x4.gt": 0x44,
  "f32x4.ge": 0x46,
  "v128.not": 0x4d,
  "v128.and": 0x4e,
  "v128.or": 0x50,
  "v128.xor": 0x51,
  "v128.bitselect": 0x52,
  "v128.any_true": 0x53,
  "v128.load32_zero": 0x5c,
  "f32x4.ceil": 0x67,
  "f32x4.floor": 0x68,
  "i16x8.extend_low_i8x16_u": 0x89,
  "i32x4.bitmask": 0xa4,
  "i32x4.extend_low_i16x8_u": 0xa9,
  "i32x4.shl": 0xab,
  "i32x4.shr_s": 0xac,
  "i32x4.shr_u": 0xad,
  "i32x4.add": 0xae,
  "i32x4.sub": 0xb1,
  "i32x4.mul": 0xb5,
  "i32x4.max_s": 0xb8,
  "f32x4.abs": 0xe0,
  "f32x4.neg": 0xe1,
  "f32x4.sqrt": 0xe3,
  "f32x4.add": 0xe4,
  "f32x4.sub": 0xe5,
  "f32x4.mul": 0xe6,
  "f32x4.div": 0xe7,
  "f32x4.pmin": 0xea,
  "f32x4.pmax": 0xeb,
  "f32x4.convert_i32x4_s": 0xfa,
  "i32x4.relaxed_trunc_f32x4_s": 0x101,
  "f32x4.relaxed_madd": 0x105,
  "f32x4.relaxed_nmadd": 0x106,
} as const;

/** Threads, behind the prefix 0xfe. */
const ATOMIC = { "i32.atomic.rmw.add": 0x1e } as const;

export type Opcode = keyof typeof PLAIN | keyof typeof SATURATING | keyof typeof VECTOR | keyof typeof ATOMIC;

const BYTES: ReadonlyMap<string, readonly number[]> = new Map([
  ...encoded([], PLAIN),
  ...encoded([0xfc], SATURATING),
  ...encoded([0xfd], VECTOR),
  ...encoded([0xfe], ATOMIC),
]);

function encoded(prefix: number[], codes: Readonly<Record<string, number>>): [string, number[]][] {
  // Behind a prefix the code is LEB128; without one it is a single byte.
  const encode = (code: number) => (prefix.length === 0 ? [code] : [...prefix, ...unsigned(code)]);
  return Object.entries(codes).map(([name, code]) => [name, encode(code)]);
}

/** The immediate of a block that leaves no value. */
export const EMPTY_BLOCK_TYPE = 0x40;

/** The immediate of a memory access that is aligned to 2² bytes. */
export const ALIGN_4 = 2;

/** An encoded instruction. */
export function instruction(name: Opcode, ...immediates: readonly number[]): number[] {
  return [...(BYTES.get(name) ?? []), ...immediates];
}
