import { PING, PONG } from "@splatt/shared";

/**
 * Sends the text ping that the server's runtime answers by itself, and finds out when nothing comes back.
 * Any frame from the server counts as a sign of life.
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

  /** @returns whether the frame was only the answer to a heartbeat */
  noteActivity(frame: string): boolean {
    this.#unanswered = 0;
    return frame === PONG;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

/** Two intervals without any answer: the link is dead, whatever the socket believes. */
const MAX_UNANSWERED = 2;
