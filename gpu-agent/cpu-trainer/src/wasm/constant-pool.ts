/**
 * Vectors of constants, kept in memory. V8 rebuilds a vector constant from integer registers in every
 * iteration of a loop, with three instructions; a load takes one.
 */
export class ConstantPool {
  /** Of the first vector; each takes 16 bytes. */
  readonly address: number;
  readonly #capacityBytes: number;
  readonly #offsets = new Map<string, number>();
  readonly #floats: number[] = [];

  constructor(address: number, capacityBytes: number) {
    this.address = address;
    this.#capacityBytes = capacityBytes;
  }

  /** The address of a vector, which is added if the pool lacks it. */
  addressOf(lanes: readonly [number, number, number, number]): number {
    const key = lanes.map(String).join();
    let offset = this.#offsets.get(key);
    if (offset === undefined) {
      offset = this.#floats.length * 4;
      if (offset + 16 > this.#capacityBytes) throw new Error("The constant pool is full");
      this.#offsets.set(key, offset);
      this.#floats.push(...lanes);
    }
    return this.address + offset;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Float32Array.from(this.#floats).buffer);
  }
}
