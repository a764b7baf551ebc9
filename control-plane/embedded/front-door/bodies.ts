import type { IncomingMessage } from "node:http";
import { BodyError } from "../object-store/blob-file.ts";
import type { DoorLimits } from "./limits.ts";
import { orAborted } from "./or-aborted.ts";

/** The memory budget for bodies that are read whole, shared by all connections. */
export class BodyBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

export type WholeBody =
  | { readonly ok: true; readonly body: Buffer; release(): void }
  | {
      readonly ok: false;
      readonly code:
        | "too_large"
        | "unavailable"
        | "request_timeout"
        | "body_incomplete"
        | "malformed_request";
    };

/**
 * Reads the whole body before the request is forwarded, so that a broken one is never forwarded.
 *
 * @param onAccepted called before the body is read
 */
export async function readWhole(
  request: IncomingMessage,
  limits: DoorLimits,
  budget: BodyBudget,
  onAccepted: () => void,
): Promise<WholeBody> {
  const stated = Number(request.headers["content-length"] ?? 0);
  if (stated > limits.bodyBytes) return { ok: false, code: "too_large" };
  onAccepted();
  let held = 0;
  const chunks: Buffer[] = [];
  const release = () => budget.give(held);
  const refuse = (code: Exclude<WholeBody, { ok: true }>["code"]): WholeBody => {
    release();
    return { ok: false, code };
  };
  const late = AbortSignal.timeout(limits.bodyMs);
  try {
    for await (const chunk of untilAborted(request, late, limits.chunks)) {
      if (held + chunk.byteLength > limits.bodyBytes) return refuse("too_large");
      if (!budget.take(chunk.byteLength)) return refuse("unavailable");
      held += chunk.byteLength;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof TinyChunksError) return refuse("malformed_request");
    return refuse(late.aborted ? "request_timeout" : "body_incomplete");
  }
  return { ok: true, body: Buffer.concat(chunks), release };
}

/**
 * A part's body as it arrives, for the object store. Leaves the connection open when the store stops reading, so that
 * the client can be answered. The client's speed is judged by the time in which the store waits for it: a slow disk is
 * not the client's fault.
 */
export async function* partBody(
  request: IncomingMessage,
  { part: { windowMs, bytes }, chunks }: Pick<DoorLimits, "part" | "chunks">,
): AsyncGenerator<Buffer, void> {
  const tooSlow = new AbortController();
  const body = untilAborted(request, tooSlow.signal, chunks);
  let [inWindow, waitedMs] = [0, 0];
  try {
    for (;;) {
      const began = performance.now();
      const next = await inTime(body.next(), windowMs - waitedMs, tooSlow);
      if (next.done) return;
      waitedMs += performance.now() - began;
      inWindow += next.value.byteLength;
      if (inWindow >= bytes) [inWindow, waitedMs] = [0, 0];
      yield next.value;
    }
  } catch {
    throw new BodyError(tooSlow.signal.aborted ? "body_too_slow" : "body_incomplete");
  }
}

/** Aborts when the promise is not settled in time. */
async function inTime<T>(promise: Promise<T>, ms: number, late: AbortController): Promise<T> {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // After the bytes that arrived while this process was busy have been read.
    immediate = setImmediate(() => late.abort());
  }, ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearImmediate(immediate);
  }
}

/** A body whose chunks are so small that they cost more than its bytes. */
class TinyChunksError extends Error {}

/** Counts the chunks of a body. */
export class ChunkCounter {
  readonly #limit: DoorLimits["chunks"];
  #chunks = 0;
  #bytes = 0;

  constructor(limit: DoorLimits["chunks"]) {
    this.#limit = limit;
  }

  /** @returns whether the body may continue after this chunk */
  allows({ byteLength }: Uint8Array): boolean {
    this.#chunks += 1;
    this.#bytes += byteLength;
    return this.#chunks <= this.#limit.free + this.#bytes / this.#limit.bytes;
  }
}

/**
 * The chunks of a body. Ends with an error when the client leaves, the framing breaks, the chunks are too small, or the
 * signal is aborted.
 */
async function* untilAborted(
  request: IncomingMessage,
  signal: AbortSignal,
  limit: DoorLimits["chunks"],
): AsyncGenerator<Buffer, void> {
  const counter = new ChunkCounter(limit);
  const chunks = request.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  for (;;) {
    const next: IteratorResult<Buffer> | null = await orAborted(chunks.next(), signal);
    if (next === null) throw new Error("aborted");
    if (next.done) break;
    if (!counter.allows(next.value)) throw new TinyChunksError();
    yield next.value;
  }
  if (!request.complete) throw new Error("the body ended early");
}
