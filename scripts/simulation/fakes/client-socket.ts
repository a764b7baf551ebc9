import type { SimProcess } from "../kernel/process.ts";
import { theWorld } from "../kernel/world.ts";
import type { DispatcherSocket } from "./dispatcher-socket.ts";
import { type CloseFrame, Link, type LinkEnd } from "./link.ts";
import { NetworkPath } from "./network-path.ts";

interface SocketEvents {
  readonly message: { readonly data: string };
  readonly close: CloseFrame;
  readonly error: object;
}

/** The client's end of a WebSocketPair: handed on in the answer to an upgrade, or used by the Worker itself. */
export class ClientSocket implements LinkEnd {
  readonly dispatcher: DispatcherSocket;
  readonly #listeners: { readonly [type in keyof SocketEvents]: ((event: SocketEvents[type]) => void)[] } = {
    message: [],
    close: [],
    error: [],
  };
  #open: { readonly link: Link; readonly process: SimProcess } | null = null;

  constructor(dispatcher: DispatcherSocket) {
    this.dispatcher = dispatcher;
  }

  addEventListener<T extends keyof SocketEvents>(type: T, listener: (event: SocketEvents[T]) => void): void {
    this.#listeners[type].push(listener);
  }

  /** From now on the running process has this end; the connection breaks when it dies. */
  accept(): void {
    if (this.dispatcher.end === null) throw new Error("the other end is not accepted");
    const process = theWorld().caller("accept");
    const link = new Link(theWorld(), new NetworkPath(), this.dispatcher.end, this, "in order");
    process.atDeath(() => link.breakFrom("agent"));
    this.#open = { link, process };
    this.dispatcher.connect(link);
  }

  send(frame: string): void {
    this.#open?.link.toDispatcher(frame);
  }

  close(code: number, reason: string): void {
    this.#open?.link.toDispatcher({ code, reason });
  }

  onFrame(frame: string): void {
    this.#emit("message", { data: frame });
  }

  onClose(close: CloseFrame): void {
    this.#emit("close", close);
  }

  onBroken(): void {
    this.#emit("error", {});
  }

  #emit<T extends keyof SocketEvents>(type: T, event: SocketEvents[T]): void {
    const { process } = this.#open ?? {};
    if (!process?.alive) return;
    process.run(() => {
      for (const listener of this.#listeners[type]) listener(event);
    });
  }
}
