import type { ConstantPool } from "./constant-pool.ts";
import type { FunctionCode, ValueType } from "./module-encoder.ts";
import { float32, signed, unsigned } from "./number-encoding.ts";
import { EMPTY_BLOCK_TYPE, instruction } from "./opcodes.ts";
import { F32, type F32x4, I32, type I64, Mask4 } from "./values.ts";

/**
 * Writes a WebAssembly function with TypeScript as its macro language.
 *
 * Every operation on a value immediately emits its instruction and leaves the result in a fresh local, so a
 * TypeScript `const` is an SSA value: naming it once and using it twice computes it once, and code runs in
 * the order in which it is written. Values that change in a loop are a `variable`. Loops and branches of
 * TypeScript itself unroll and specialise the kernel while it is being built.
 *
 * `F32x4` and `Mask4` are four lanes of a 128-bit vector (WebAssembly SIMD, plus the fused multiply-add of
 * Relaxed SIMD). Numbers stand for constants in every lane.
 */
export class KernelBuilder {
  readonly #params: ValueType[] = [];
  readonly #locals: ValueType[] = [];
  readonly #instructions: number[] = [];
  readonly #constants: ConstantPool;
  #result: ValueType | null = null;
  #depth = 0;

  constructor(constants: ConstantPool) {
    this.#constants = constants;
  }

  paramI32(): I32 {
    return new I32(this, this.#declareParam("i32"));
  }

  paramF32(): F32 {
    return new F32(this, this.#declareParam("f32"));
  }

  i32(value: number): I32 {
    return this.emit(I32, "i32", instruction("i32.const", ...signed(value)));
  }

  f32(value: number): F32 {
    return this.emit(F32, "f32", instruction("f32.const", ...float32(value)));
  }

  f32x4(value: number): F32x4 {
    return this.lanes(value, value, value, value);
  }

  lanes(a: number, b: number, c: number, d: number): F32x4 {
    return this.i32(0).loadF32x4(this.#constants.addressOf([a, b, c, d]));
  }

  i32x4(value: number): Mask4 {
    return this.emit(Mask4, "v128", instruction("i32.const", ...signed(value)), instruction("i32x4.splat"));
  }

  /** A value that may be set again; reading it gives what was set last. */
  variable<T extends I32 | I64 | F32 | F32x4 | Mask4>(initial: T): Variable<T> {
    const local = this.declareLocal(initial.type);
    this.write(initial.get(), instruction("local.set", ...unsigned(local)));
    const Class = initial.constructor as new (builder: KernelBuilder, local: number) => T;
    return Object.assign(new Class(this, local), {
      set: (value: T) => this.write(value.get(), instruction("local.set", ...unsigned(local))),
    });
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.write(condition.get());
    this.#open("if");
    then();
    if (otherwise !== undefined) {
      this.write(instruction("else"));
      otherwise();
    }
    this.#close();
  }

  /** Runs `body` for i = from, from + step, … while i < to, all signed. */
  for(from: I32 | number, to: I32 | number, step: number, body: (i: I32, loop: Loop) => void): void {
    const i = this.variable(this.#asI32(from));
    const end = this.#asI32(to);
    const left = this.#open("block");
    this.branchIf(i.ge(end), left);
    const again = this.#open("loop");
    const next = this.#open("block");
    body(i, new Loop(this, left, next));
    this.#close();
    i.set(i.add(step));
    this.branchIf(i.lt(end), again);
    this.#close();
    this.#close();
  }

  /** Runs `body` for the position of every bit that is set in `bits`, lowest first. */
  forEachBit(bits: I64, body: (position: I32) => void): void {
    const rest = this.variable(bits);
    const left = this.#open("block");
    this.branchIf(rest.isZero(), left);
    const again = this.#open("loop");
    const position = rest.lowest();
    rest.set(rest.withoutLowest());
    body(position);
    this.branchIf(rest.isZero().not(), again);
    this.#close();
    this.#close();
  }

  return(value: I32 | F32): void {
    this.#result = value.type;
    this.write(value.get());
  }

  finish(name: string): FunctionCode {
    return {
      name,
      params: this.#params,
      result: this.#result,
      locals: this.#locals,
      instructions: this.#instructions,
    };
  }

  // The methods below are for the values and for `Loop`.

  /** Emits code that leaves one value on the stack, and puts that value into a fresh local. */
  emit<T>(Class: new (builder: KernelBuilder, local: number) => T, type: ValueType, ...code: number[][]): T {
    const local = this.declareLocal(type);
    this.write(...code, instruction("local.set", ...unsigned(local)));
    return new Class(this, local);
  }

  declareLocal(type: ValueType): number {
    return this.#params.length + this.#locals.push(type) - 1;
  }

  write(...code: readonly number[][]): void {
    for (const part of code) for (const byte of part) this.#instructions.push(byte);
  }

  /** Jumps to the end of a block, or to the beginning of a loop. */
  branchIf(condition: I32, label: number): void {
    this.write(condition.get(), instruction("br_if", ...unsigned(this.#depth - label)));
  }

  /** Opens a nested block and returns its label. */
  #open(name: "block" | "loop" | "if"): number {
    this.write(instruction(name, EMPTY_BLOCK_TYPE));
    this.#depth += 1;
    return this.#depth;
  }

  #close(): void {
    this.write(instruction("end"));
    this.#depth -= 1;
  }

  #declareParam(type: ValueType): number {
    if (this.#locals.length > 0) throw new Error("Parameters come before everything else");
    return this.#params.push(type) - 1;
  }

  #asI32(value: I32 | number): I32 {
    return typeof value === "number" ? this.i32(value) : value;
  }
}

export type Variable<T> = T & { set(value: T): void };

/** Control of a `for` loop from its body. */
export class Loop {
  readonly #builder: KernelBuilder;
  readonly #left: number;
  readonly #next: number;

  constructor(builder: KernelBuilder, left: number, next: number) {
    this.#builder = builder;
    this.#left = left;
    this.#next = next;
  }

  breakIf(condition: I32): void {
    this.#builder.branchIf(condition, this.#left);
  }

  continueIf(condition: I32): void {
    this.#builder.branchIf(condition, this.#next);
  }
}
