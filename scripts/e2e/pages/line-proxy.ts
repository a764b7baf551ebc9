import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way to the control plane that a test can cut, for good or after some bytes of a connection. */
export class LineProxy {
  /** How much a connection may send before it is cut. */
  mostSent = Number.POSITIVE_INFINITY;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #isDown = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(origin: string): Promise<LineProxy> {
    const server = createServer();
    const proxy = new LineProxy(server);
    server.on("connection", (client) => proxy.#carry(client, Number(new URL(origin).port)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection, and each new one. */
  cut(): void {
    this.#isDown = true;
    for (const client of this.#open) client.resetAndDestroy();
  }

  restore(): void {
    this.#isDown = false;
  }

  stop(): void {
    for (const client of this.#open) client.destroy();
    this.#server.close();
  }

  #carry(client: Socket, port: number): void {
    if (this.#isDown) return void client.resetAndDestroy();
    this.#open.add(client);
    const upstream = connect(port, "127.0.0.1");
    let sent = 0;
    client.on("data", (chunk) => {
      sent += chunk.byteLength;
      if (sent > this.mostSent) client.resetAndDestroy();
    });
    client.pipe(upstream).pipe(client);
    client
      .on("error", () => upstream.destroy())
      .on("close", () => {
        this.#open.delete(client);
        upstream.destroy();
      });
    upstream.on("error", () => client.destroy());
  }
}
