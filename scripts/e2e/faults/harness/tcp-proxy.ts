import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Towards the server, or back from it. */
export type Direction = "up" | "down";

interface Link {
  readonly up: Socket;
  readonly down: Socket;
  /** Only this connection is held up. */
  held: boolean;
  /** It breaks as soon as the server says anything. */
  onAnswer: (() => void) | null;
}

/** Waits for the n-th request that matches, and does something to its connection. */
interface Trap {
  readonly pattern: RegExp;
  left: number;
  readonly act: "hold" | "lose the answer";
  readonly sprung: () => void;
}

/** The first line of a request, as it begins a chunk of what a client sends. */
const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \S+(?= HTTP\/1\.1\r\n)/;

/**
 * A stretch of network between agents and their control plane, which breaks as a test wants it to. It knows bytes,
 * not messages; only the request lines that pass are noted, so that a test can count what was sent again.
 */
export class TcpProxy {
  /** "PUT /agent/jobs/…", in the order in which they were let through. */
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

  /** How many of the requests noted match. */
  count(pattern: RegExp): number {
    return this.requests.filter((line) => pattern.test(line)).length;
  }

  /** The server was started anew, on another port. */
  retarget(url: string): void {
    this.#targetPort = Number(new URL(url).port);
  }

  /** Breaks every connection, and those that are tried from now on. */
  cut(): void {
    this.#refuses = true;
    for (const link of this.#links) end(link);
  }

  /** Lets nothing through any more in one direction, or in both, without closing anything: the route is lost. */
  stall(...directions: Direction[]): void {
    for (const direction of directions.length === 0 ? (["up", "down"] as const) : directions) {
      this.#held.add(direction);
    }
  }

  /** Delivers everything that much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /**
   * Holds up the connection over which the n-th request that matches is sent, before any of that goes through.
   *
   * @returns resolves when that is so
   */
  holdAt(pattern: RegExp, n = 1): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { pattern, left: n, sprung: resolve, act: "hold" };
    return promise;
  }

  /**
   * Breaks the connection over which the next request that matches is sent once it is answered, before any of the
   * answer gets back.
   *
   * @returns resolves when that is so
   */
  loseAnswerTo(pattern: RegExp): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { pattern, left: 1, sprung: resolve, act: "lose the answer" };
    return promise;
  }

  /** All is well again. What was held goes on its way. */
  mend(): void {
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
      // One of the two ends is gone, and the other follows it.
    }
  }

  /** Waits for as long as the network is in the way of a chunk, or of the end of what is sent. */
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
