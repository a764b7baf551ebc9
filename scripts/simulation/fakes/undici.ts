import { theWorld } from "../kernel/world.ts";
import { ORIGIN } from "./control-plane.ts";
import { currentHost } from "./host-process.ts";

/** Replaces the module `undici`: the agent's HTTP requests to its control plane. */

/** Connection pools are not simulated. */
export class Agent {}
export class Pool {}

/** A reply's body: complete in memory, but read in chunks. */
class Body {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  async text(): Promise<string> {
    return this.#bytes.toString("utf8");
  }

  async dump(): Promise<void> {}

  on(): this {
    return this;
  }

  destroy(): this {
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const size = Math.max(1, Math.ceil(this.#bytes.length / 2));
    for (let at = 0; at < this.#bytes.length; at += size) {
      await theWorld().call("read body", { outMs: theWorld().latency(0.1, 5), backMs: 0 }, () => undefined);
      yield this.#bytes.subarray(at, at + size);
    }
  }
}

interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export async function request(url: URL, options: RequestOptions) {
  const { controlPlane, path } = currentHost().fakes;
  const { method = "GET", headers = {}, body = null, signal } = options;
  signal?.throwIfAborted();
  const sent = { method, url: `${ORIGIN}${url.pathname}`, headers, body };
  const answer = await controlPlane.fetch(path, sent, signal);
  return { statusCode: answer.status, headers: answer.headers, body: new Body(answer.body) };
}
