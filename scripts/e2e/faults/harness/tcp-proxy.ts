import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** To or from the server. */
export type Direction = "up" | "down";

interface Link {
  readonly up: Socket;
  readonly down: Socket;
  /** Only this connection is held. */
  held: boolean;
  /** It breaks as soon as the server replies. */
  onAnswer: (() => void) | null;
}

/** Waits for the n-th matching request, and acts on its connection. */
interface Trap {
  readonly pattern: RegExp;
  left: number;
  readonly act: "hold" | "lose the answer";
  readonly sprung: () => void;
}

/** The request line at the start of a client's chunk. */
const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \S+(?= HTTP\/1\.1\r\n)/;

/**
 * The network between agents and their control plane, with faults on demand. It forwards bytes and ignores messages,
 * but records request lines, so that a test can count resent requests.
 */
export class TcpProxy {
  /** "PUT /agent/jobs/…", in the order of forwarding. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #held = new Set<Direction>();
  readonly #resumes = new Set<() => void>();
  #targetPort: number;
  #refuses = false;
  #delayMs = 0;
  #trap: Trap | null = null;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (client) => this.#link(client));
  }

  static async start(targetUrl: string): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, Number(new URL(targetUrl).port));
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** The number of matching recorded requests. */
  count(pattern: RegExp): number {
    return this.requests.filter((line) => pattern.test(line)).length;
  }

  /** Redirects to a server that restarted on another port. */
  retarget(url: string): void {
    this.#targetPort = Number(new URL(url).port);
  }

  /** Breaks every connection, and all new ones. */
  cut(): void {
    this.#refuses = true;
    for (const link of this.#links) end(link);
  }

  /** Drops everything in one direction, or both, without closing connections: a lost route. */
  stall(...directions: Direction[]): void {
    for (const direction of directions.length === 0 ? (["up", "down"] as const) : directions) {
      this.#held.add(direction);
    }
  }

  /** Delays all traffic. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /**
   * Holds the connection of the n-th matching request, before forwarding any of the request.
   *
   * @returns resolves when the connection is held
   */
  holdAt(pattern: RegExp, n = 1): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { pattern, left: n, sprung: resolve, act: "hold" };
    return promise;
  }

  /**
   * Breaks the connection of the next matching request once the server replies, before forwarding any of the reply.
   *
   * @returns resolves when the connection is broken
   */
  loseAnswerTo(pattern: RegExp): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { pattern, left: 1, sprung: resolve, act: "lose the answer" };
    return promise;
  }

  /** Clears all faults and releases held traffic. */
  repair(): void {
    this.#refuses = false;
    this.#delayMs = 0;
    this.#trap = null;
    this.#held.clear();
    for (const link of this.#links) link.held = false;
    for (const resume of this.#resumes) resume();
    this.#resumes.clear();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #link(down: Socket): void {
    if (this.#refuses) {
      down.resetAndDestroy();
      return;
    }
    const up = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const link: Link = { up, down, held: false, onAnswer: null };
    this.#links.add(link);
    for (const socket of [up, down]) {
      socket.setNoDelay(true);
      socket.on("error", () => end(link));
      socket.on("close", () => {
        this.#links.delete(link);
        end(link);
      });
    }
    void this.#pump(link, "up");
    void this.#pump(link, "down");
  }

  async #pump(link: Link, direction: Direction): Promise<void> {
    const [from, to] = direction === "up" ? [link.down, link.up] : [link.up, link.down];
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (direction === "down" && link.onAnswer !== null) {
          link.onAnswer();
          return end(link);
        }
        const request = direction === "up" ? chunk.toString("latin1").match(REQUEST_LINE)?.[0] : undefined;
        if (request !== undefined) this.#watch(link, request);
        await this.#pass(link, direction);
        if (to.destroyed) return;
        if (request !== undefined) this.requests.push(request);
        if (!to.write(chunk)) await once(to, "drain");
      }
      await this.#pass(link, direction);
      to.end();
    } catch {
      // One end has closed, so the other is closed too.
    }
  }

  /** Waits while a fault holds a chunk or the end of the stream. */
  async #pass(link: Link, direction: Direction): Promise<void> {
    if (this.#delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#delayMs));
    while (link.held || this.#held.has(direction)) {
      await new Promise<void>((resolve) => this.#resumes.add(resolve));
    }
  }

  #watch(link: Link, request: string): void {
    const trap = this.#trap;
    if (trap === null || !trap.pattern.test(request)) return;
    trap.left -= 1;
    if (trap.left > 0) return;
    this.#trap = null;
    if (trap.act === "lose the answer") {
      link.onAnswer = trap.sprung;
      return;
    }
    link.held = true;
    trap.sprung();
  }
}

function end({ up, down }: Link): void {
  up.destroy();
  down.destroy();
}
