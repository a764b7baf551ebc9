import { PING, PONG } from "@splatt/shared";

/**
 * Sends the text ping that the server's runtime answers automatically, and detects a dead link. Any frame from the
 * server proves that the link is alive.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #send: (text: string) => void;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | null = null;
  #unanswered = 0;

  constructor(options: { intervalMs: number; send: (text: string) => void; onSilence: () => void }) {
    this.#intervalMs = options.intervalMs;
    this.#send = options.send;
    this.#onSilence = options.onSilence;
  }

  start(): void {
    this.#send(PING);
    this.#timer = setInterval(() => {
      if (this.#unanswered >= MAX_UNANSWERED) return this.#onSilence();
      this.#unanswered += 1;
      this.#send(PING);
    }, this.#intervalMs);
  }

  /** Records that a frame arrived. @returns whether it was only the answer to a ping */
  noteActivity(frame: string): boolean {
    this.#unanswered = 0;
    return frame === PONG;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

/** After two intervals without a frame the link is dead, whatever the socket's state. */
const MAX_UNANSWERED = 2;
