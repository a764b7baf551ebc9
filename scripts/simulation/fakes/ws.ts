import { EventEmitter } from "node:events";
import type { SimEvent } from "../kernel/event-queue.ts";
import { theWorld } from "../kernel/world.ts";
import { type HttpAnswer, ORIGIN } from "./control-plane.ts";
import { currentHost, type HostProcess } from "./host-process.ts";
import { type CloseFrame, Link, type LinkEnd } from "./link.ts";

/** Replaces the part of the module `ws` that the agent uses: its end of the socket. */

const STATE = { connecting: 0, open: 1, closing: 2, closed: 3 } as const;
/** How long ws waits for the peer's close frame. */
const CLOSE_TIMEOUT_MS = 30_000;

export class WebSocket extends EventEmitter implements LinkEnd {
  readonly OPEN = STATE.open;
  readonly bufferedAmount = 0;
  readyState: number = STATE.connecting;
  readonly #process: HostProcess = currentHost();
  #link: Link | null = null;
  #closeTimer: SimEvent | null = null;

  constructor(
    url: URL,
    protocols: readonly string[],
    options: { readonly headers: Readonly<Record<string, string>>; readonly handshakeTimeout: number },
  ) {
    super();
    const timeout = this.#after(options.handshakeTimeout, "handshake times out", () => {
      this.#fail(new Error("Opening handshake has timed out"));
    });
    const request = {
      method: "GET",
      url: `${ORIGIN}${url.pathname}`,
      headers: { ...options.headers, upgrade: "websocket", "sec-websocket-protocol": protocols.join(",") },
      body: null,
    };
    const { controlPlane, path } = this.#process.fakes;
    controlPlane.fetch(path, request).then(
      (answer) => {
        timeout.cancelled = true;
        this.#opened(answer);
      },
      (error: Error) => this.#fail(error),
    );
  }

  send(text: string): void {
    if (this.readyState === STATE.connecting)
      throw new Error("WebSocket is not open: readyState 0 (CONNECTING)");
    const frame = text === "ping" ? text : this.#wire.outgoing(text);
    if (this.readyState === STATE.open && frame !== null) this.#link?.toDispatcher(frame);
  }

  close(code = 1005, reason = ""): void {
    if (this.readyState === STATE.connecting) this.terminate();
    if (this.readyState !== STATE.open) return;
    this.readyState = STATE.closing;
    this.#link?.toDispatcher({ code, reason });
    this.#closeTimer = this.#after(CLOSE_TIMEOUT_MS, "close times out", () => this.terminate());
  }

  /** Ends the connection immediately; the event follows a moment later. */
  terminate(): void {
    if (this.readyState === STATE.closed) return;
    const wasConnecting = this.readyState === STATE.connecting;
    this.readyState = STATE.closing;
    this.#link?.breakFrom("agent");
    this.#after(0, "terminated", () => {
      if (wasConnecting) this.emit("error", new Error("WebSocket was closed before it was established"));
      this.#closed({ code: 1006, reason: "" });
    });
  }

  onFrame(frame: string): void {
    if (this.readyState !== STATE.open && this.readyState !== STATE.closing) return;
    const text = this.#wire.incoming(frame);
    this.#process.run(() => this.emit("message", Buffer.from(text)));
  }

  onClose(close: CloseFrame): void {
    if (this.readyState === STATE.open) this.#link?.toDispatcher(close);
    this.#process.run(() => this.#closed(close));
  }

  onBroken(): void {
    this.#process.run(() => this.#closed({ code: 1006, reason: "" }));
  }

  get #wire() {
    return this.#process.fakes.wire;
  }

  #opened(answer: HttpAnswer): void {
    if (this.readyState !== STATE.connecting) return;
    if (answer.upgraded === null) {
      this.emit("unexpected-response", null, { statusCode: answer.status });
      return;
    }
    const { dispatcher } = answer.upgraded;
    if (dispatcher.end === null) throw new Error("the Dispatcher has not accepted the socket");
    this.readyState = STATE.open;
    this.#link = new Link(theWorld(), this.#process.fakes.path, dispatcher.end, this.#whileAlive());
    dispatcher.connect(this.#link);
    this.emit("open");
  }

  /** Nothing is delivered to a dead process. */
  #whileAlive(): LinkEnd {
    const alive = (act: () => void) => {
      if (this.#process.alive) act();
    };
    return {
      onFrame: (frame) => alive(() => this.onFrame(frame)),
      onClose: (close) => alive(() => this.onClose(close)),
      onBroken: () => alive(() => this.onBroken()),
    };
  }

  #fail(error: Error): void {
    if (this.readyState === STATE.closed) return;
    this.emit("error", error);
    this.#closed({ code: 1006, reason: "" });
  }

  #closed({ code, reason }: CloseFrame): void {
    if (this.readyState === STATE.closed) return;
    this.readyState = STATE.closed;
    if (this.#closeTimer !== null) this.#closeTimer.cancelled = true;
    this.emit("close", code, Buffer.from(reason));
  }

  #after(ms: number, label: string, act: () => void): SimEvent {
    return theWorld().schedule(ms, label, () => this.#process.run(act), this.#process);
  }
}
