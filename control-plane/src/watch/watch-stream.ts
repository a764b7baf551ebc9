import { WATCH_ACK, WatchMessage } from "@splatt/shared";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import { type WatchRequest, watchRequestTo } from "./watch-request.ts";

/** The Worker as a watcher itself: it serves the clients that do not use a WebSocket. */
export class WatchStream {
  readonly #socket: WebSocket;
  readonly #inbox: WatchMessage[] = [];
  #wake: () => void = () => undefined;
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#inbox.push(WatchMessage.parse(JSON.parse(String(data))));
      this.#wake();
    });
    const close = () => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.addEventListener("close", close);
    socket.addEventListener("error", close);
    socket.accept();
  }

  /** @returns the Dispatcher's refusal where it has no room */
  static async open(env: Env, pool: string, request: WatchRequest): Promise<WatchStream | Response> {
    const answer = await dispatcherOf(env, pool).fetch(watchRequestTo(request));
    return answer.webSocket === null ? answer : new WatchStream(answer.webSocket);
  }

  /** The next message, acked where that is wanted; null when none comes in time or any more. */
  async next(timeoutMs: number): Promise<WatchMessage | null> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const message = this.#inbox.shift();
      if (message?.type === "ack_wanted") this.#socket.send(WATCH_ACK);
      else if (message !== undefined) return message;
      else if (this.#isClosed) return null;
      else if (!(await this.#woken(deadline - Date.now()))) return null;
    }
  }

  get isOpen(): boolean {
    return !this.#isClosed || this.#inbox.length > 0;
  }

  close(): void {
    try {
      this.#socket.close(1000, "");
    } catch {
      // It is closed.
    }
  }

  async #woken(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), Math.max(0, ms));
    const isWoken = await promise;
    clearTimeout(timer);
    return isWoken;
  }
}
