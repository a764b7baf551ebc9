const CLOSE = 8;
const MASK_BYTES = 4;

export interface FrameHead {
  readonly opcode: number;
  /** Whether it ends a message. */
  readonly isLast: boolean;
  readonly payloadBytes: number;
  readonly isMasked: boolean;
  /** Of its three bits for extensions. */
  readonly hasExtensionBits: boolean;
}

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455, section 5.2) until its Close frame, which is the last.
 */
export class WebSocketFrames {
  isClosed = false;
  #header: number[] = [];
  #opcode = 0;
  #payloadLeft = 0;
  readonly #onFrame: (frame: FrameHead) => void;

  /** @param onFrame called for each frame when its header has come */
  constructor(onFrame: (frame: FrameHead) => void = () => undefined) {
    this.#onFrame = onFrame;
  }

  /** Whether the next byte begins a frame. */
  get isBetweenFrames(): boolean {
    return this.#payloadLeft === 0 && this.#header.length === 0;
  }

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
    this.#onFrame({
      opcode: this.#opcode,
      isLast: (first & 0x80) !== 0,
      payloadBytes: this.#payloadLeft,
      isMasked: (second & 0x80) !== 0,
      hasExtensionBits: (first & 0x70) !== 0,
    });
  }
}
