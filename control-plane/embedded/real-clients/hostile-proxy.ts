import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A network that is slow to answer and cuts connections in the middle of an answer. */
export class HostileProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  /** The connections that are still to be cut, after how many bytes of the answer, and how long each chunk waits. */
  #plan = { cuts: 0, afterBytes: 0, delayMs: 0 };

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => void this.#pass(client));
  }

  static async start(target: string): Promise<HostileProxy> {
    const proxy = new HostileProxy(new URL(target));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @returns how many of the planned cuts are left */
  get cutsLeft(): number {
    return this.#plan.cuts;
  }

  misbehave(plan: { cuts: number; afterBytes: number; delayMs: number }): void {
    this.#plan = plan;
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  async #pass(client: Socket): Promise<void> {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", end).on("close", end);
      socket.once("close", () => this.#sockets.delete(socket));
    }
    client.pipe(server);
    let passed = 0;
    try {
      for await (const chunk of server as AsyncIterable<Buffer>) {
        await sleep(this.#plan.delayMs);
        passed += chunk.byteLength;
        if (this.#plan.cuts > 0 && passed > this.#plan.afterBytes) {
          this.#plan.cuts -= 1;
          client.resetAndDestroy();
          return;
        }
        if (!client.write(chunk)) await once(client, "drain");
      }
      client.end();
    } catch {
      end();
    }
  }
}
