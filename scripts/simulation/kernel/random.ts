/** A minimum and a maximum. */
export type Range = readonly [min: number, max: number];

/**
 * A stream of random numbers that depends only on a seed and a name. Each concern of the simulation draws from a
 * separate stream, so that removing one fault does not shuffle the others.
 *
 * sfc32 by Chris Doty-Humphrey (PractRand), seeded through the splitmix-like finaliser of MurmurHash3.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: string) {
    this.#a = mix(seed);
    this.#b = mix(hashText(stream));
    this.#c = mix(Math.floor(seed / 2 ** 32) ^ 0x9e3779b9);
    for (let i = 0; i < 12; i += 1) this.#uint32();
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => this.#uint32() / 2 ** 32;

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** A uniform integer from `min` to `max`, inclusive. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** Log-uniform: small values are far more frequent than large ones. */
  logBetween(min: number, max: number): number {
    return min * (max / min) ** this.next();
  }

  pick<T>(choices: readonly [T, ...T[]]): T;
  pick<T>(choices: readonly T[]): T | undefined;
  pick<T>(choices: readonly T[]): T | undefined {
    return choices[Math.floor(this.next() * choices.length)];
  }

  /** A version 4 UUID (RFC 9562), as id validation requires. */
  uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const a = this.#hex(8);
    const [b, c, d, e] = [this.#hex(4), this.#hex(3), this.#hex(3), this.#hex(12)];
    return `${a}-${b}-4${c}-${"89ab"[this.#uint32() & 3]}${d}-${e}`;
  }

  bytes(into: Uint8Array): void {
    for (let i = 0; i < into.length; i += 1) into[i] = this.#uint32() & 0xff;
  }

  #hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.#uint32().toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }

  #uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }
}

/** FNV-1a, 32 bits: fast, and sufficient to distinguish two texts. */
export function hashText(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
