import type { ValueType } from "./module-encoder.ts";
import { signed, unsigned } from "./number-encoding.ts";
import { ALIGN_4, instruction, type Opcode } from "./opcodes.ts";

/** The function that a value belongs to: where its operations emit their instructions. */
interface Emitter {
  i32(value: number): I32;
  f32(value: number): F32;
  f32x4(value: number): F32x4;
  i32x4(value: number): Mask4;
  emit<T>(Class: new (emitter: Emitter, local: number) => T, type: ValueType, ...code: number[][]): T;
  write(...code: readonly number[][]): void;
}

abstract class Value {
  abstract readonly type: ValueType;
  protected readonly emitter: Emitter;
  protected readonly local: number;

  constructor(emitter: Emitter, local: number) {
    this.emitter = emitter;
    this.local = local;
  }

  /** The instruction that pushes the value. */
  get(): number[] {
    return instruction("local.get", ...unsigned(this.local));
  }
}

/** A 32-bit integer; also an address in memory, and a condition (not 0 is true). */
export class I32 extends Value {
  readonly type = "i32";

  add(other: I32 | number): I32 {
    return this.#binary("i32.add", other);
  }
  sub(other: I32 | number): I32 {
    return this.#binary("i32.sub", other);
  }
  mul(other: I32 | number): I32 {
    return this.#binary("i32.mul", other);
  }
  /** Signed; rounds towards zero. */
  div(other: I32 | number): I32 {
    return this.#binary("i32.div_s", other);
  }
  and(other: I32 | number): I32 {
    return this.#binary("i32.and", other);
  }
  or(other: I32 | number): I32 {
    return this.#binary("i32.or", other);
  }
  xor(other: I32 | number): I32 {
    return this.#binary("i32.xor", other);
  }
  shiftLeft(bits: number): I32 {
    return this.#binary("i32.shl", bits);
  }
  shiftRightSigned(bits: number): I32 {
    return this.#binary("i32.shr_s", bits);
  }
  shiftRight(bits: number): I32 {
    return this.#binary("i32.shr_u", bits);
  }
  eq(other: I32 | number): I32 {
    return this.#binary("i32.eq", other);
  }
  lt(other: I32 | number): I32 {
    return this.#binary("i32.lt_s", other);
  }
  gt(other: I32 | number): I32 {
    return this.#binary("i32.gt_s", other);
  }
  ge(other: I32 | number): I32 {
    return this.#binary("i32.ge_s", other);
  }
  not(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i32.eqz"));
  }
  min(other: I32 | number): I32 {
    const b = this.#operand(other);
    return this.emitter.emit(I32, "i32", this.get(), b.get(), this.lt(b).get(), instruction("select"));
  }
  max(other: I32 | number): I32 {
    const b = this.#operand(other);
    return this.emitter.emit(I32, "i32", this.get(), b.get(), this.gt(b).get(), instruction("select"));
  }
  toI64(): I64 {
    return this.emitter.emit(I64, "i64", this.get(), instruction("i64.extend_i32_u"));
  }
  toF32(): F32 {
    return this.emitter.emit(F32, "f32", this.get(), instruction("f32.convert_i32_s"));
  }

  loadI32(offset = 0): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i32.load", ALIGN_4, ...unsigned(offset)));
  }
  loadF32(offset = 0): F32 {
    return this.emitter.emit(F32, "f32", this.get(), instruction("f32.load", ALIGN_4, ...unsigned(offset)));
  }
  /** Four neighbouring floats. */
  loadF32x4(offset = 0): F32x4 {
    return this.emitter.emit(
      F32x4,
      "v128",
      this.get(),
      instruction("v128.load", ALIGN_4, ...unsigned(offset)),
    );
  }
  /** One float in every lane. */
  loadSplat(offset = 0): F32x4 {
    return this.emitter.emit(
      F32x4,
      "v128",
      this.get(),
      instruction("v128.load32_splat", ALIGN_4, ...unsigned(offset)),
    );
  }
  /** Four neighbouring bytes as the numbers 0–255. */
  loadBytes(offset = 0): F32x4 {
    const extend16 = instruction("i16x8.extend_low_i8x16_u");
    const extend32 = instruction("i32x4.extend_low_i16x8_u");
    const convert = instruction("f32x4.convert_i32x4_s");
    const load = instruction("v128.load32_zero", 0, ...unsigned(offset));
    return this.emitter.emit(F32x4, "v128", this.get(), load, extend16, extend32, convert);
  }
  /** All ones in the lanes whose byte, of four neighbouring ones, is not 0. */
  loadByteMask(offset = 0): Mask4 {
    return this.loadBytes(offset).gt(0);
  }
  loadMask(offset = 0): Mask4 {
    return this.emitter.emit(
      Mask4,
      "v128",
      this.get(),
      instruction("v128.load", ALIGN_4, ...unsigned(offset)),
    );
  }
  storeI32(value: I32, offset = 0): void {
    this.emitter.write(this.get(), value.get(), instruction("i32.store", ALIGN_4, ...unsigned(offset)));
  }
  /** Adds to the integer at this address; threads may do so at the same time. */
  atomicAdd(value: I32, offset = 0): void {
    this.emitter.write(
      this.get(),
      value.get(),
      instruction("i32.atomic.rmw.add", ALIGN_4, ...unsigned(offset)),
      instruction("drop"),
    );
  }
  storeF32(value: F32, offset = 0): void {
    this.emitter.write(this.get(), value.get(), instruction("f32.store", ALIGN_4, ...unsigned(offset)));
  }
  storeI32x4(value: Mask4, offset = 0): void {
    this.storeF32x4(value, offset);
  }
  storeF32x4(value: F32x4 | Mask4, offset = 0): void {
    this.emitter.write(this.get(), value.get(), instruction("v128.store", ALIGN_4, ...unsigned(offset)));
  }

  #operand(other: I32 | number): I32 {
    return typeof other === "number" ? this.emitter.i32(other) : other;
  }
  #binary(name: Opcode, other: I32 | number): I32 {
    return this.emitter.emit(I32, "i32", this.get(), this.#operand(other).get(), instruction(name));
  }
}

/** A 64-bit integer, used as a set of bits. */
export class I64 extends Value {
  readonly type = "i64";

  or(other: I64): I64 {
    return this.emitter.emit(I64, "i64", this.get(), other.get(), instruction("i64.or"));
  }
  shiftLeft(bits: number): I64 {
    return this.emitter.emit(
      I64,
      "i64",
      this.get(),
      instruction("i64.const", ...signed(bits)),
      instruction("i64.shl"),
    );
  }
  /** Without its lowest bit that is set. */
  withoutLowest(): I64 {
    return this.emitter.emit(
      I64,
      "i64",
      this.get(),
      this.get(),
      instruction("i64.const", 1),
      instruction("i64.sub"),
      instruction("i64.and"),
    );
  }
  /** The position of the lowest bit that is set; 64 when none is. */
  lowest(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i64.ctz"), instruction("i32.wrap_i64"));
  }
  isZero(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i64.eqz"));
  }
}

/** A 32-bit float. */
export class F32 extends Value {
  readonly type = "f32";

  add(other: F32 | number): F32 {
    return this.#binary("f32.add", other);
  }
  sub(other: F32 | number): F32 {
    return this.#binary("f32.sub", other);
  }
  mul(other: F32 | number): F32 {
    return this.#binary("f32.mul", other);
  }
  div(other: F32 | number): F32 {
    return this.#binary("f32.div", other);
  }
  min(other: F32 | number): F32 {
    return this.#binary("f32.min", other);
  }
  max(other: F32 | number): F32 {
    return this.#binary("f32.max", other);
  }
  sqrt(): F32 {
    return this.emitter.emit(F32, "f32", this.get(), instruction("f32.sqrt"));
  }
  lt(other: F32 | number): I32 {
    return this.emitter.emit(I32, "i32", this.get(), this.#operand(other).get(), instruction("f32.lt"));
  }
  gt(other: F32 | number): I32 {
    return this.emitter.emit(I32, "i32", this.get(), this.#operand(other).get(), instruction("f32.gt"));
  }
  /** Rounds towards zero. Saturates, and NaN is 0. */
  toI32(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i32.trunc_sat_f32_s"));
  }
  splat(): F32x4 {
    return this.emitter.emit(F32x4, "v128", this.get(), instruction("f32x4.splat"));
  }

  #operand(other: F32 | number): F32 {
    return typeof other === "number" ? this.emitter.f32(other) : other;
  }
  #binary(name: Opcode, other: F32 | number): F32 {
    return this.emitter.emit(F32, "f32", this.get(), this.#operand(other).get(), instruction(name));
  }
}

/** Four 32-bit floats. */
export class F32x4 extends Value {
  readonly type = "v128";

  add(other: F32x4 | number): F32x4 {
    return this.#binary("f32x4.add", other);
  }
  sub(other: F32x4 | number): F32x4 {
    return this.#binary("f32x4.sub", other);
  }
  mul(other: F32x4 | number): F32x4 {
    return this.#binary("f32x4.mul", other);
  }
  div(other: F32x4 | number): F32x4 {
    return this.#binary("f32x4.div", other);
  }
  /** The smaller one in each lane; `other` where this is NaN. One instruction, unlike IEEE's minimum. */
  min(other: F32x4 | number): F32x4 {
    const b = this.#operand(other);
    return this.emitter.emit(F32x4, "v128", b.get(), this.get(), instruction("f32x4.pmin"));
  }
  /** The greater one in each lane; `other` where this is NaN. */
  max(other: F32x4 | number): F32x4 {
    const b = this.#operand(other);
    return this.emitter.emit(F32x4, "v128", b.get(), this.get(), instruction("f32x4.pmax"));
  }
  /** this · factor + addend, rounded once where the machine can. */
  madd(factor: F32x4 | number, addend: F32x4 | number): F32x4 {
    const [b, c] = [this.#operand(factor), this.#operand(addend)];
    return this.emitter.emit(F32x4, "v128", this.get(), b.get(), c.get(), instruction("f32x4.relaxed_madd"));
  }
  /** addend − this · factor. */
  nmadd(factor: F32x4 | number, addend: F32x4 | number): F32x4 {
    const [b, c] = [this.#operand(factor), this.#operand(addend)];
    return this.emitter.emit(F32x4, "v128", this.get(), b.get(), c.get(), instruction("f32x4.relaxed_nmadd"));
  }
  sqrt(): F32x4 {
    return this.#unary("f32x4.sqrt");
  }
  neg(): F32x4 {
    return this.#unary("f32x4.neg");
  }
  abs(): F32x4 {
    return this.#unary("f32x4.abs");
  }
  floor(): F32x4 {
    return this.#unary("f32x4.floor");
  }
  ceil(): F32x4 {
    return this.#unary("f32x4.ceil");
  }
  /** Rounds towards zero. Meant for values within the range of integers. */
  toI32x4(): Mask4 {
    return this.emitter.emit(Mask4, "v128", this.get(), instruction("i32x4.relaxed_trunc_f32x4_s"));
  }
  lt(other: F32x4 | number): Mask4 {
    return this.#compare("f32x4.lt", other);
  }
  gt(other: F32x4 | number): Mask4 {
    return this.#compare("f32x4.gt", other);
  }
  ge(other: F32x4 | number): Mask4 {
    return this.#compare("f32x4.ge", other);
  }
  /** This value where the mask is set, 0 elsewhere. */
  where(mask: Mask4): F32x4 {
    return this.emitter.emit(F32x4, "v128", this.get(), mask.get(), instruction("v128.and"));
  }
  /** The lanes' bits as integers. */
  bits(): Mask4 {
    return new Mask4(this.emitter, this.local);
  }
  lane(index: 0 | 1 | 2 | 3): F32 {
    return this.emitter.emit(F32, "f32", this.get(), instruction("f32x4.extract_lane", index));
  }
  /** Lanes of this (0–3) and of `other` (4–7), in the order given. */
  shuffle(other: F32x4, order: readonly [number, number, number, number]): F32x4 {
    const bytes = order.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte));
    return this.emitter.emit(F32x4, "v128", this.get(), other.get(), instruction("i8x16.shuffle", ...bytes));
  }

  #operand(other: F32x4 | number): F32x4 {
    return typeof other === "number" ? this.emitter.f32x4(other) : other;
  }
  #unary(name: Opcode): F32x4 {
    return this.emitter.emit(F32x4, "v128", this.get(), instruction(name));
  }
  #binary(name: Opcode, other: F32x4 | number): F32x4 {
    return this.emitter.emit(F32x4, "v128", this.get(), this.#operand(other).get(), instruction(name));
  }
  #compare(name: Opcode, other: F32x4 | number): Mask4 {
    return this.emitter.emit(Mask4, "v128", this.get(), this.#operand(other).get(), instruction(name));
  }
}

/** Four lanes of 32 bits: all ones or all zeros where it is a condition, or integers. */
export class Mask4 extends Value {
  readonly type = "v128";

  and(other: Mask4): Mask4 {
    return this.#binary("v128.and", other);
  }
  or(other: Mask4): Mask4 {
    return this.#binary("v128.or", other);
  }
  xor(other: Mask4): Mask4 {
    return this.#binary("v128.xor", other);
  }
  not(): Mask4 {
    return this.emitter.emit(Mask4, "v128", this.get(), instruction("v128.not"));
  }
  /** 1 when any bit is set. */
  any(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("v128.any_true"));
  }
  /** One bit for each lane, from the lanes' sign bits. */
  bitmask(): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i32x4.bitmask"));
  }
  /** `a` where the mask is set, else `b`. */
  select(a: F32x4, b: F32x4): F32x4 {
    return this.emitter.emit(F32x4, "v128", a.get(), b.get(), this.get(), instruction("v128.bitselect"));
  }
  /** Integer addition in each lane. */
  addI32(other: Mask4): Mask4 {
    return this.#binary("i32x4.add", other);
  }
  subI32(other: Mask4): Mask4 {
    return this.#binary("i32x4.sub", other);
  }
  mulI32(other: Mask4): Mask4 {
    return this.#binary("i32x4.mul", other);
  }
  shiftLeft(bits: number): Mask4 {
    return this.#shift("i32x4.shl", bits);
  }
  shiftRight(bits: number): Mask4 {
    return this.#shift("i32x4.shr_u", bits);
  }
  shiftRightSigned(bits: number): Mask4 {
    return this.#shift("i32x4.shr_s", bits);
  }
  /** The maximum of each lane, as signed integers. */
  max(other: number): Mask4 {
    return this.#binary("i32x4.max_s", this.emitter.i32x4(other));
  }
  lane(index: 0 | 1 | 2 | 3): I32 {
    return this.emitter.emit(I32, "i32", this.get(), instruction("i32x4.extract_lane", index));
  }
  toF32x4(): F32x4 {
    return this.emitter.emit(F32x4, "v128", this.get(), instruction("f32x4.convert_i32x4_s"));
  }
  /** The lanes' bits read as floats. */
  asF32x4(): F32x4 {
    return new F32x4(this.emitter, this.local);
  }

  #binary(name: Opcode, other: Mask4): Mask4 {
    return this.emitter.emit(Mask4, "v128", this.get(), other.get(), instruction(name));
  }
  #shift(name: Opcode, bits: number): Mask4 {
    return this.emitter.emit(
      Mask4,
      "v128",
      this.get(),
      instruction("i32.const", ...signed(bits)),
      instruction(name),
    );
  }
}
