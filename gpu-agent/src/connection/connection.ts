import { setTimeout as sleep } from "node:timers/promises";
import {
  type AgentMessage,
  CLOSE,
  fullJitterMs,
  type Hello,
  type ServerMessage,
  type Welcome,
} from "@splatt/shared";
import type { Logger } from "pino";
import type { WebSocket } from "ws";
import type { ProxySettings } from "../network/proxies.ts";
import type { Secret } from "../secret.ts";
import {
  closeFailure,
  type HandshakeFailure,
  handshake,
  parseServerMessage,
  type ReadySocket,
  type StopReason,
} from "./handshake.ts";
import { Heartbeat } from "./heartbeat.ts";

export interface ConnectionOptions {
  readonly controlPlane: string;
  readonly token: Secret;
  readonly proxies?: ProxySettings;
  readonly log: Logger;
  /** Called for every attempt, because the jobs that the agent holds change. */
  readonly hello: () => Promise<Hello>;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onMessage: (message: Exclude<ServerMessage, Welcome>) => void;
  /** An agent that holds jobs reconnects sooner. */
  readonly holdsJobs: () => boolean;
  readonly backoff?: Partial<Backoff>;
}

interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  readonly maxHoldingMs: number;
  /** A connection must have lasted this long to reset the backoff. */
  readonly stableMs: number;
  /** The wait after the server reported a newer process. */
  readonly replacedMs: number;
  /** Added to the wait after the server found that this agent sends too much. */
  readonly rateLimitedMs: number;
}

const BACKOFF: Backoff = {
  minMs: 1000,
  maxMs: 60_000,
  maxHoldingMs: 20_000,
  stableMs: 10_000,
  replacedMs: 5000,
  rateLimitedMs: 10_000,
};

const CLOSE_TIMEOUT_MS = 2000;

/** Why the agent stops reconnecting. */
export interface ConnectionEnd {
  readonly exit: StopReason | "closed";
  readonly reason: string;
}

/**
 * The agent's one WebSocket, kept open while the agent runs: connect, serve until it breaks, wait with full jitter,
 * reconnect. A single loop without nested callbacks.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #socket: WebSocket | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = { ...BACKOFF, ...options.backoff };
  }

  /** Runs until `close()` is called or the server says that reconnecting is useless. */
  async run(): Promise<ConnectionEnd> {
    const { log, controlPlane, token, proxies, hello, holdsJobs } = this.#options;
    let tries = 0;
    let wasReplaced = false;
    for (;;) {
      const opened = await handshake(controlPlane, token, await hello(), this.#closing.signal, proxies);
      let failure: HandshakeFailure;
      if (opened.ok) {
        const since = performance.now();
        log.info(`connected to ${new URL(controlPlane).host}, pool ${opened.value.welcome.pool}`);
        failure = await this.#serve(opened.value);
        const wasStable = performance.now() - since >= this.#backoff.stableMs;
        if (wasStable) tries = 0;
        if (wasStable) wasReplaced = false;
      } else {
        failure = opened.error;
      }
      if (this.#closing.signal.aborted) return { exit: "closed", reason: "" };
      // The "newer" process may have died before this one started, its hello delayed. Try once more.
      const asksAgain: boolean = failure.kind === "stop" && failure.exit === "replaced" && !wasReplaced;
      if (failure.kind === "stop" && !asksAgain) return failure;
      wasReplaced ||= asksAgain;

      const maxMs = holdsJobs() ? this.#backoff.maxHoldingMs : this.#backoff.maxMs;
      const window = { minMs: this.#backoff.minMs, maxMs };
      const isRateLimited = failure.kind === "retry" && failure.isRateLimited === true;
      const leastMs = isRateLimited ? this.#backoff.rateLimitedMs : 0;
      const waitMs = asksAgain
        ? this.#backoff.replacedMs
        : leastMs + fullJitterMs(tries, window, Math.random);
      log.warn(`not connected: ${failure.reason}; retrying in ${(waitMs / 1000).toFixed(1)} s`);
      tries += 1;
      await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      if (this.#closing.signal.aborted) return { exit: "closed", reason: "" };
    }
  }

  /** @returns whether the message was sent; an unsent message is lost */
  send(message: AgentMessage): boolean {
    if (this.#socket === null) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  /** Bytes waiting to be sent. While there are many, droppable messages should be dropped. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Closes the socket and ends `run()`. Waits only briefly for the server's close frame. */
  close(): void {
    const socket = this.#socket;
    socket?.close(CLOSE.drained, "agent stops");
    setTimeout(() => socket?.terminate(), CLOSE_TIMEOUT_MS).unref();
    this.#closing.abort();
  }

  async #serve({ socket, welcome, early }: ReadySocket): Promise<HandshakeFailure> {
    const heartbeat = new Heartbeat({
      intervalMs: welcome.intervals.heartbeat_ms,
      send: (text) => socket.send(text),
      onSilence: () => socket.terminate(),
    });
    const onFrame = (frame: string) => {
      if (heartbeat.noteActivity(frame)) return;
      const message = parseServerMessage(frame);
      // Its text may hold a source URL with a token.
      if (message === null) this.#options.log.warn({ characters: frame.length }, "unknown message ignored");
      else if (message.type !== "welcome") this.#options.onMessage(message);
    };
    const ended = new Promise<HandshakeFailure>((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve(closeFailure(1006, "the link broke"));
      socket.on("close", (code, reason) => resolve(closeFailure(code, reason.toString())));
    });
    socket.removeAllListeners("message");
    socket.on("message", (data) => onFrame(data.toString()));
    this.#socket = socket;
    heartbeat.start();
    this.#options.onWelcome(welcome);
    for (const frame of early) onFrame(frame);
    const failure = await ended;
    heartbeat.stop();
    this.#socket = null;
    return failure;
  }
}
