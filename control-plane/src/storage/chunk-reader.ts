type Next = { readonly chunk: Uint8Array } | { readonly end: "body" | "broken" };

/** Reads a body piecemeal, for as long as the caller has time. Bytes that come late are kept for the next read. */
export class ChunkReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;
  #next: Promise<Next> | null = null;

  /** @param body null is an empty one */
  constructor(body: ReadableStream<Uint8Array> | null) {
    this.#reader = body?.getReader() ?? null;
  }

  /**
   * Reads until `limit` bytes are there, the body ends, or the signal is aborted.
   *
   * @param likely how many bytes are expected, for the first allocation
   */
  async read(
    limit: number,
    likely: number,
    late: AbortSignal,
  ): Promise<{ bytes: Uint8Array; end: "none" | "body" | "broken" }> {
    let buffer = new Uint8Array(0);
    let length = 0;
    const done = (end: "none" | "body" | "broken") => ({ bytes: buffer.subarray(0, length), end });
    while (length < limit) {
      const next = await this.#peek(late);
      if (next === null) return done("none");
      if ("end" in next) return done(next.end);
      const taken = next.chunk.subarray(0, limit - length);
      const rest = next.chunk.subarray(taken.byteLength);
      this.#next = rest.byteLength === 0 ? null : Promise.resolve({ chunk: rest });
      if (length + taken.byteLength > buffer.byteLength) {
        const grown = new Uint8Array(Math.min(limit, Math.max(likely, 2 * (length + taken.byteLength))));
        grown.set(buffer.subarray(0, length));
        buffer = grown;
      }
      buffer.set(taken, length);
      length += taken.byteLength;
    }
    return done("none");
  }

  /** @returns whether bytes, or the body's end, have come before the signal is aborted */
  async arrives(late: AbortSignal): Promise<boolean> {
    return (await this.#peek(late)) !== null;
  }

  close(): void {
    this.#reader?.cancel().catch(() => undefined);
  }

  async #peek(late: AbortSignal): Promise<Next | null> {
    this.#next ??= this.#readNext();
    if (late.aborted) return null;
    const { promise, resolve } = Promise.withResolvers<null>();
    const onLate = () => resolve(null);
    late.addEventListener("abort", onLate);
    try {
      return await Promise.race([this.#next, promise]);
    } finally {
      late.removeEventListener("abort", onLate);
    }
  }

  async #readNext(): Promise<Next> {
    if (this.#reader === null) return { end: "body" };
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return { end: "body" };
        if (value.byteLength > 0) return { chunk: value };
      }
    } catch {
      return { end: "broken" };
    }
  }
}
