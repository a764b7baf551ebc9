import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { DoorLimits } from "./limits.ts";

/** The requests of one connection, handled one at a time even when the client pipelines. */
export class ConnectionQueue {
  readonly #socket: Socket;
  readonly #limits: Pick<DoorLimits, "pipelined" | "idleMs" | "headersMs">;
  /** The requests that are not done, in order. */
  readonly #pending: ServerResponse[] = [];
  #last: Promise<void> = Promise.resolve();
  #isUpgraded = false;
  #isFull = false;
  #isEnding = false;
  /** Closes the connection when no request follows. Node's own timeout starts again with every byte. */
  #idle: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limits: Pick<DoorLimits, "pipelined" | "idleMs" | "headersMs">) {
    this.#socket = socket;
    this.#limits = limits;
    socket.once("close", () => clearTimeout(this.#idle));
  }

  /** Whether no request has arrived behind the one that is being handled. */
  get isAtLast(): boolean {
    return this.#pending.length === 1;
  }

  /**
   * What follows on the connection is not HTTP. Requests that arrived whole before it are answered first, because the
   * refusal would be taken for their answer.
   *
   * @param refuse answers and closes the connection
   */
  end(refuse: () => void): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const [first] = this.#pending;
    if (first?.headersSent) this.#socket.destroy();
    else if (first?.req.complete) void this.#last.then(refuse);
    else refuse();
  }

  /**
   * Handles a request after those that came before it. If too many wait, those are answered, and then the connection is
   * closed: its client sends the others again on a new one (RFC 9112, 9.3.2).
   *
   * @param handle must not reject
   */
  enter(response: ServerResponse, handle: () => Promise<void>): void {
    if (this.#isFull || this.#pending.length >= this.#limits.pipelined) {
      this.#fill();
      return;
    }
    this.#pending.push(response);
    clearTimeout(this.#idle);
    this.#last = this.#last.then(handle).finally(() => {
      this.#pending.shift();
      if (this.#pending.length > 0 || this.#socket.destroyed || this.#isUpgraded) return;
      if (this.#isFull) this.#socket.destroySoon();
      else this.#awaitNextRequest();
    });
  }

  /** No request follows: the connection becomes a WebSocket, or is refused. */
  upgrade(): void {
    this.#isUpgraded = true;
    clearTimeout(this.#idle);
  }

  #fill(): void {
    this.#socket.pause();
    if (this.#isFull) return;
    this.#isFull = true;
    this.#pending.at(-1)?.setHeader("connection", "close");
  }

  #awaitNextRequest(): void {
    const { idleMs, headersMs } = this.#limits;
    this.#idle = setTimeout(() => this.#socket.destroy(), idleMs + headersMs);
  }
}
