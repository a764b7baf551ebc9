import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A web server with one video, which can stall halfway. */
export class VideoServer {
  /** Bytes of the video sent so far. */
  sent = 0;
  readonly #server: Server;
  readonly #video: Buffer;
  readonly #half = Promise.withResolvers<void>();
  readonly #whole = Promise.withResolvers<void>();
  /** The answers that wait for `goOn()`. */
  readonly #stalled = new Set<ServerResponse>();

  private constructor(server: Server, video: Buffer) {
    this.#server = server;
    this.#video = video;
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(path: string): Promise<VideoServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new VideoServer(server, await readFile(path));
  }

  get size(): number {
    return this.#video.byteLength;
  }

  /** host:port */
  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the video server does not listen");
    return `127.0.0.1:${address.port}`;
  }

  get url(): string {
    return `http://${this.host}/video.mp4`;
  }

  /** Resolves when half of the video is sent; `goOn()` releases the rest. */
  get halfway(): Promise<void> {
    return this.#half.promise;
  }

  /**
   * Resolves when the clients of all stalled answers have hung up. A killed client's connections end shortly after
   * its process, and until then what is sent to them would count.
   */
  async hungUp(): Promise<void> {
    await Promise.all([...this.#stalled].map((response) => response.destroyed || once(response, "close")));
  }

  goOn(): void {
    this.#whole.resolve();
  }

  async stop(): Promise<void> {
    this.goOn();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first, last] = request.headers.range?.match(/^bytes=(\d+)-(\d*)$/) ?? [];
    const from = Number(first ?? 0);
    const to = last === undefined || last === "" ? this.size : Math.min(this.size, Number(last) + 1);
    response.writeHead(first === undefined ? 200 : 206, {
      "content-type": "video/mp4",
      "content-length": to - from,
      "accept-ranges": "bytes",
      etag: '"one"',
      ...(first === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${this.size}` }),
    });
    const half = Math.floor(this.size / 2);
    this.#send(response, from, Math.min(to, Math.max(from, half)));
    if (to > half) {
      this.#half.resolve();
      this.#stalled.add(response);
      await this.#whole.promise;
      this.#send(response, Math.max(from, half), to);
    }
    response.end();
  }

  #send(response: ServerResponse, from: number, to: number): void {
    if (response.destroyed || from >= to) return;
    response.write(this.#video.subarray(from, to));
    this.sent += to - from;
  }
}
