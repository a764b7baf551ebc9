import { exports } from "cloudflare:workers";
import { WATCH_ACK, WATCH_SUBPROTOCOL, WatchMessage } from "@splatt/shared";
import { API_KEY } from "./api.ts";

/** A client that watches a job over a real WebSocket. It acks only when a test says so. */
export class TestWatcher {
  readonly #socket: WebSocket;
  readonly #inbox: WatchMessage[] = [];
  #wake: () => void = () => undefined;
  /** The cursor of the last message that was taken. */
  cursor = "";
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        resolve(code);
        socket.close();
      });
    });
    socket.addEventListener("message", ({ data }) => {
      this.#inbox.push(WatchMessage.parse(JSON.parse(String(data))));
      this.#wake();
    });
    socket.accept();
  }

  static async dial(jobId: string, query = "", headers: Record<string, string> = { "x-api-key": API_KEY }) {
    return exports.default.fetch(`https://splatt.test/jobs/${jobId}/watch${query}`, {
      headers: { upgrade: "websocket", "sec-websocket-protocol": WATCH_SUBPROTOCOL, ...headers },
    });
  }

  static async open(jobId: string, query = "", headers?: Record<string, string>): Promise<TestWatcher> {
    const response = await TestWatcher.dial(jobId, query, headers);
    if (response.webSocket === null) throw new Error(`${response.status}: ${await response.text()}`);
    return new TestWatcher(response.webSocket);
  }

  /** The next message, whatever it is. */
  async take(): Promise<WatchMessage> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message !== undefined) {
        this.cursor = message.cursor;
        return message;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next message of a type; others before it are dropped. */
  async next<T extends WatchMessage["type"]>(type: T): Promise<Extract<WatchMessage, { type: T }>> {
    for (;;) {
      const message = await this.take();
      if (message.type === type) return message as Extract<WatchMessage, { type: T }>;
    }
  }

  get waiting(): readonly WatchMessage[] {
    return this.#inbox;
  }

  ack(): void {
    this.#socket.send(WATCH_ACK);
  }

  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close(1000, "");
  }
}
