import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { DoorLimits } from "./limits.ts";

/** The requests of one connection, handled one at a time even when the client pipelines. */
export class ConnectionQueue {
  readonly #socket: Socket;
  readonly #limits: Pick<DoorLimits, "pipelined" | "idleMs" | "headersMs">;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();
  #answering: ServerResponse | null = null;
  #isUpgraded = false;
  /** Closes the connection when no request follows. Node's own timeout starts again with every byte. */
  #idle: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limits: Pick<DoorLimits, "pipelined" | "idleMs" | "headersMs">) {
    this.#socket = socket;
    this.#limits = limits;
    socket.once("close", () => clearTimeout(this.#idle));
  }

  /** Whether no request has arrived behind the one that is being handled. */
  get isAtLast(): boolean {
    return this.#waiting === 1;
  }

  /** Whether bytes sent now would be part of an answer that has begun. */
  get isWithinAnswer(): boolean {
    return this.#answering?.headersSent ?? false;
  }

  /**
   * Handles a request after those that came before it. Closes the connection if too many wait.
   *
   * @param handle must not reject
   */
  enter(response: ServerResponse, handle: () => Promise<void>): void {
    if (this.#waiting >= this.#limits.pipelined) {
      this.#socket.destroy();
      return;
    }
    this.#waiting += 1;
    clearTimeout(this.#idle);
    this.#last = this.#last
      .then(() => {
        this.#answering = response;
        return handle();
      })
      .finally(() => {
        this.#waiting -= 1;
        this.#answering = null;
        if (this.#waiting === 0 && !this.#socket.destroyed && !this.#isUpgraded) this.#awaitNextRequest();
      });
  }

  /** No request follows: the connection becomes a WebSocket, or is refused. */
  upgrade(): void {
    this.#isUpgraded = true;
    clearTimeout(this.#idle);
  }

  #awaitNextRequest(): void {
    const { idleMs, headersMs } = this.#limits;
    this.#idle = setTimeout(() => this.#socket.destroy(), idleMs + headersMs);
  }
}
