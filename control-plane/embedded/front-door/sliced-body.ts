import { createHash, type Hash } from "node:crypto";
import type { AppendedSlice } from "../../src/embedded/store-protocol.ts";
import type { DigestAlgorithm } from "../../src/storage/object-bytes.ts";
import { orAborted } from "./or-aborted.ts";

type Chunk = IteratorResult<Uint8Array>;

/** A body that is taken off its connection slice by slice. What comes too late for one slice is part of the next. */
export class SlicedBody {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #hash: Hash | null;
  #next: Promise<Chunk | "broken"> | null = null;
  /** How the body ended, as far as it was taken. */
  end: "none" | "body" | "broken" = "none";

  constructor(chunks: AsyncIterable<Uint8Array>, algorithm: DigestAlgorithm | null) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#hash = algorithm === null ? null : createHash(algorithm);
  }

  /** What arrives until `limit` bytes are there, the body ends or is cut off, or `late` is aborted. */
  async *slice(limit: number, late: AbortSignal): AsyncGenerator<Uint8Array, void> {
    for (let left = limit; left > 0; ) {
      const chunk = await this.#peek(late);
      if (chunk === null) return;
      const taken = chunk.subarray(0, left);
      const rest = chunk.subarray(taken.byteLength);
      this.#next = rest.byteLength === 0 ? null : Promise.resolve({ value: rest });
      left -= taken.byteLength;
      this.#hash?.update(taken);
      yield taken;
    }
  }

  /** The file has all its bytes: the body has to end too. One that stays open has nothing more to say. */
  async endAfterLastByte(late: AbortSignal): Promise<AppendedSlice["end"]> {
    if ((await this.#peek(late)) !== null) return "too_long";
    return this.end === "none" ? "body" : this.end;
  }

  /** @returns whether bytes, or the body's end, have come before `late` is aborted */
  async arrives(late: AbortSignal): Promise<boolean> {
    return (await this.#peek(late)) !== null || this.end !== "none";
  }

  /** Of all slices so far, base64; null when no algorithm was named. */
  digest(): string | null {
    return this.#hash?.copy().digest("base64") ?? null;
  }

  close(): void {
    void this.#chunks.return?.();
  }

  /** The bytes that come next, without taking them; null at the end, or when they are late. */
  async #peek(late: AbortSignal): Promise<Uint8Array | null> {
    while (this.end === "none") {
      this.#next ??= this.#chunks.next().catch(() => "broken");
      const next = await orAborted(this.#next, late);
      if (next === null) return null;
      if (next === "broken") this.end = "broken";
      else if (next.done) this.end = "body";
      else if (next.value.byteLength > 0) return next.value;
      else this.#next = null;
    }
    return null;
  }
}
