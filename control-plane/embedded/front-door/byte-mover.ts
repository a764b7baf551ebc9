import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";
import type { ObjectRead } from "../object-store/object-store.ts";

export interface MoveOrder {
  readonly id: number;
  readonly segments: ObjectRead["segments"];
  readonly stalledMs: number;
}

export interface MoveReport {
  readonly id: number;
}

const MAIN = join(import.meta.dirname, "byte-mover-main.ts");
/** Large downloads take what the processors have left, so that small requests do not wait for them. */
const NICENESS = 10;
const MOST_NICE = 19;
const RESTART_MS = 1000;

/**
 * A process that sends large objects. A download keeps a processor busy; in the process of the front door, every other
 * request would wait for its turn behind it. The front door passes the client's socket and the names of the files.
 */
export class ByteMover {
  readonly #stalledMs: number;
  readonly #onError: (text: string) => void;
  readonly #moving = new Map<number, { readonly close: () => void; readonly resolve: () => void }>();
  #child: ChildProcess | null = null;
  #isClosed = false;
  #nextId = 0;

  constructor(stalledMs: number, onError: (text: string) => void) {
    this.#stalledMs = stalledMs;
    this.#onError = onError;
    this.#start();
  }

  get isReady(): boolean {
    return this.#child !== null;
  }

  /**
   * Sends the object as the rest of the socket's last answer, and leaves it to the client to close the connection. Only
   * while `isReady`, and when all earlier bytes have been written. Resolves when the connection is closed, which also
   * counts for its server.
   */
  move(socket: Socket, read: ObjectRead): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const order: MoveOrder = { id: this.#nextId++, segments: read.segments, stalledMs: this.#stalledMs };
    this.#moving.set(order.id, { close: detach(socket), resolve });
    this.#child?.send(order, socket, (error) => {
      if (error !== null) this.#end(order.id);
    });
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#child;
    if (child === null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  #start(): void {
    if (this.#isClosed) return;
    // The child does not need this process's secrets.
    const child = fork(MAIN, {
      env: {},
      execArgv: ["--max-semi-space-size=1"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    let isEnded = false;
    const end = () => {
      if (isEnded) return;
      isEnded = true;
      this.#child = null;
      for (const id of [...this.#moving.keys()]) this.#end(id);
      if (this.#isClosed) return;
      this.#onError("the process that sends large files ended and is started again");
      setTimeout(() => this.#start(), RESTART_MS).unref();
    };
    child.once("error", end).once("exit", end).once("disconnect", end);
    child.once("spawn", () => {
      this.#child = child;
      setPriority(child.pid ?? 0, Math.min(MOST_NICE, getPriority() + NICENESS));
    });
    child.on("message", ({ id }: MoveReport) => this.#end(id));
  }

  #end(id: number): void {
    const moving = this.#moving.get(id);
    this.#moving.delete(id);
    moving?.close();
    moving?.resolve();
  }
}

/**
 * Works around two habits of Node with sockets that are passed to a child. It stops counting the connection at its
 * server, whose limits must include it. And it leaves the connection open when the child ends before it has taken it.
 *
 * @returns a function that closes the connection in this process
 */
function detach(socket: Socket): () => void {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { close(): void } | null };
  Object.assign(socket, { server: null });
  return () => {
    handle?.close();
    socket.destroy();
  };
}
