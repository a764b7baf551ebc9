import { hashText } from "./random.ts";

/**
 * The events of a run in order: always as a running hash, for comparing runs; as lines only on request.
 */
export class Trace {
  readonly lines: string[] | null;
  #hash = 0x811c9dc5;

  constructor(options: { readonly keepLines: boolean }) {
    this.lines = options.keepLines ? [] : null;
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, "0");
  }

  /** @param atMs virtual time */
  note(atMs: number, who: string, what: string): void {
    this.#hash = hashText(what, hashText(who, Math.imul(this.#hash ^ Math.round(atMs * 1000), 0x01000193)));
    this.lines?.push(`${(atMs / 1000).toFixed(3).padStart(9)}  ${who.padEnd(14)} ${what}`);
  }
}
