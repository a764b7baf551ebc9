const CLOSE = 8;
const MASK_BYTES = 4;

/** Follows the frames of one direction of a WebSocket (RFC 6455, section 5.2) until its Close frame, which is the last. */
export class WebSocketFrames {
  isClosed = false;
  #header: number[] = [];
  #opcode = 0;
  #payloadLeft = 0;

  /** The next bytes of the direction. They may begin and end anywhere in a frame. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength && !this.isClosed) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, chunk.byteLength - at);
        this.#payloadLeft -= skipped;
        at += skipped;
      } else {
        this.#header.push(chunk[at] ?? 0);
        at += 1;
        this.#readHeader();
      }
      this.isClosed = this.#opcode === CLOSE && this.#header.length === 0 && this.#payloadLeft === 0;
    }
  }

  #readHeader(): void {
    const [first = 0, second] = this.#header;
    if (second === undefined) return;
    const shortLength = second & 0x7f;
    const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
    const maskBytes = second & 0x80 ? MASK_BYTES : 0;
    if (this.#header.length < 2 + lengthBytes + maskBytes) return;
    const extended = this.#header.slice(2, 2 + lengthBytes);
    this.#payloadLeft = lengthBytes === 0 ? shortLength : extended.reduce((sum, byte) => sum * 256 + byte, 0);
    this.#opcode = first & 0x0f;
    this.#header = [];
  }
}
