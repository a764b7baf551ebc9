import { createHash } from "node:crypto";
import { theWorld } from "../kernel/world.ts";
import { ClientSocket } from "./client-socket.ts";
import { DispatcherSocket } from "./dispatcher-socket.ts";

/** Globals of the Worker's runtime that Node lacks. */

/** A request whose whole body is in memory, readable without a stream. */
export class WorkerRequest extends Request {
  readonly #body: Uint8Array | null;

  constructor(
    url: string,
    init: { method: string; headers: Record<string, string>; body: Uint8Array | null },
  ) {
    super(url, init);
    this.#body = init.body;
  }

  override readonly text = async () => Buffer.from(this.#body ?? []).toString();
}

/** A 101 carries a socket; Node's Response rejects that status. */
class WorkerResponse extends Response {
  readonly webSocket: unknown;
  /** The whole body; null for a stream. */
  readonly wholeText: string | null;

  constructor(
    body?: ConstructorParameters<typeof Response>[0],
    init: ResponseInit & { webSocket?: unknown } = {},
  ) {
    const upgrades = init.status === 101;
    super(body, upgrades ? { ...init, status: 200 } : init);
    this.webSocket = init.webSocket ?? null;
    this.wholeText = typeof body === "string" ? body : null;
    if (upgrades) Object.defineProperty(this, "status", { value: 101 });
  }
}

export async function bodyOf(response: Response): Promise<Buffer> {
  const text = response instanceof WorkerResponse ? response.wholeText : null;
  return text === null ? Buffer.from(await response.arrayBuffer()) : Buffer.from(text);
}

class WebSocketPair {
  readonly 0: ClientSocket;
  readonly 1: DispatcherSocket;

  constructor() {
    const gate = theWorld().caller("WebSocketPair").outputGate ?? ((send) => send());
    this[1] = new DispatcherSocket(gate);
    this[0] = new ClientSocket(this[1]);
  }
}

class WebSocketRequestResponsePair {
  readonly request: string;
  readonly response: string;

  constructor(request: string, response: string) {
    this.request = request;
    this.response = response;
  }
}

/** Lets exactly `length` bytes through. */
class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(length: number) {
    let seen = 0;
    super({
      transform(chunk, controller) {
        seen += chunk.byteLength;
        if (seen > length)
          throw new TypeError("Attempt to write too many bytes through a FixedLengthStream.");
        controller.enqueue(chunk);
      },
      flush() {
        if (seen < length)
          throw new TypeError("FixedLengthStream did not see all expected bytes before close().");
      },
    });
  }
}

class DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor(algorithm: string) {
    const hash = createHash(algorithm.replace("-", "").toLowerCase());
    const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (chunk) => void hash.update(chunk),
      close: () => resolve(Uint8Array.from(hash.digest()).buffer),
      abort: (reason) => reject(reason),
    });
    // An unused digest is not an error.
    promise.catch(() => undefined);
    this.digest = promise;
  }
}

/** Call after `installVirtualGlobals`. */
export function installWorkerGlobals(): void {
  Object.assign(globalThis, {
    Response: WorkerResponse,
    WebSocketPair,
    WebSocketRequestResponsePair,
    FixedLengthStream,
  });
  Object.assign(globalThis.crypto, { DigestStream });
}
