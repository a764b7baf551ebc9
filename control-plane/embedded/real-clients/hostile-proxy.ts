import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a network does to the next connections. */
export interface Misbehaviour {
  /** How long each chunk of an answer waits. */
  readonly delayMs: number;
  /** How many connections it cuts in the middle of an answer, and of a request. */
  readonly cuts: number;
  readonly requestCuts?: number;
  /** After how many bytes of it. */
  readonly afterBytes: number;
  /** On how many connections it sends every request twice, and loses the second answer. */
  readonly repeats?: number;
}

/** A network that is slow, cuts connections in the middle of a request or of an answer, and repeats requests. */
export class HostileProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #plan = { delayMs: 0, cuts: 0, requestCuts: 0, afterBytes: 0, repeats: 0 };

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => this.#pass(client));
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

  /** @returns how many of the planned cuts and repetitions are left */
  get misdeedsLeft(): number {
    return this.#plan.cuts + this.#plan.requestCuts + this.#plan.repeats;
  }

  misbehave(plan: Misbehaviour): void {
    this.#plan = { requestCuts: 0, repeats: 0, ...plan };
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #pass(client: Socket): void {
    const server = this.#connect();
    const repeated = this.#repeats() ? this.#connect() : null;
    repeated?.resume();
    const sockets = [client, server, ...(repeated === null ? [] : [repeated])];
    const end = () => {
      for (const socket of sockets) socket.destroy();
    };
    for (const socket of sockets) {
      this.#sockets.add(socket);
      socket.on("error", end).once("close", () => this.#sockets.delete(socket));
    }
    client.on("close", end);
    server.on("close", end);
    void this.#sendRequests(client, server, repeated).catch(end);
    void this.#sendAnswers(server, client).catch(end);
  }

  #connect(): Socket {
    return connect(Number(this.#target.port), this.#target.hostname);
  }

  #repeats(): boolean {
    if (this.#plan.repeats === 0) return false;
    this.#plan.repeats -= 1;
    return true;
  }

  async #sendRequests(client: Socket, server: Socket, repeated: Socket | null): Promise<void> {
    let passed = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) {
      passed += chunk.byteLength;
      if (this.#plan.requestCuts > 0 && passed > this.#plan.afterBytes) {
        this.#plan.requestCuts -= 1;
        client.resetAndDestroy();
        return;
      }
      repeated?.write(chunk);
      if (!server.write(chunk)) await once(server, "drain");
    }
    server.end();
  }

  async #sendAnswers(server: Socket, client: Socket): Promise<void> {
    let passed = 0;
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
  }
}
