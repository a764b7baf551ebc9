import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Forwards HTTP to a control plane, and holds the requests that a test names. It upgrades nothing. */
export class GatedProxy implements AsyncDisposable {
  readonly #target: URL;
  readonly #server = createServer((incoming, outgoing) => void this.#onRequest(incoming, outgoing));
  #holds: RegExp | null = null;
  #arrived = Promise.withResolvers<void>();
  #open = Promise.withResolvers<void>();

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async before(target: string): Promise<GatedProxy> {
    const proxy = new GatedProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Holds requests whose method and path match. @returns when the first one has arrived */
  hold(requests: RegExp): Promise<void> {
    this.#holds = requests;
    this.#arrived = Promise.withResolvers();
    this.#open = Promise.withResolvers();
    return this.#arrived.promise;
  }

  /** Forwards what is held, and holds nothing more. */
  release(): void {
    this.#holds = null;
    this.#open.resolve();
  }

  async #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (this.#holds?.test(`${incoming.method} ${incoming.url}`)) {
      this.#arrived.resolve();
      await this.#open.promise;
    }
    const { hostname, port } = this.#target;
    const { method, url: path, headers } = incoming;
    const forwarded = request({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
