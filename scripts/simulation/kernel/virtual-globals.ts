import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from "node:crypto";
import { reportBug } from "./bugs.ts";
import type { SimEvent } from "./event-queue.ts";
import { currentProcess, type SimProcess } from "./process.ts";
import { theWorld, virtualNow } from "./world.ts";

/**
 * The globals that shipped code sees: time, timers, randomness and cryptography come from the world. Installed once
 * per thread, permanently; the simulation's own code saves the real ones that it needs first.
 */

/** The start of every run, in epoch milliseconds; any constant date works. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

const RealDate = Date;

/** The running process's clock. */
function epochNow(): number {
  return Math.floor(EPOCH_MS + virtualNow() + (currentProcess()?.clockOffsetMs ?? 0));
}

class VirtualDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(epochNow());
    else super(...(args as [number]));
  }

  static override now(): number {
    return epochNow();
  }
}

/** The return value of `setTimeout` and `setInterval`: the part of Node's `Timeout` that the code uses. */
class VirtualTimer {
  readonly #process: SimProcess;
  readonly #ms: number;
  readonly #repeats: boolean;
  readonly #act: () => void;
  #event: SimEvent;

  constructor(act: () => void, ms: number, repeats: boolean) {
    this.#process = theWorld().caller("a timer");
    this.#act = act;
    this.#ms = Math.max(1, ms);
    this.#repeats = repeats;
    this.#event = this.#plan();
  }

  refresh(): this {
    this.cancel();
    this.#event = this.#plan();
    return this;
  }

  cancel(): void {
    this.#event.cancelled = true;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #plan(): SimEvent {
    return theWorld().schedule(this.#ms, "timer", () => this.#fire(), this.#process);
  }

  #fire(): void {
    if (this.#repeats) this.#event = this.#plan();
    this.#process.run(this.#act);
  }
}

function startTimer(repeats: boolean) {
  return (act: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
    new VirtualTimer(() => act(...args), ms, repeats);
}

function stopTimer(timer: unknown): void {
  if (timer instanceof VirtualTimer) timer.cancel();
}

/** Hashes on this thread, because a result from Node's thread pool would arrive in real time. */
async function digest(algorithm: string, data: ArrayBufferView): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Uint8Array.from(hash(algorithm.replace("-", ""), bytes, "buffer")).buffer;
}

const TAG_BYTES = 16;

interface AesGcm {
  readonly iv: Uint8Array;
}

/** HMAC with SHA-256, and AES-GCM, with keys that are plain bytes, on this thread for the same reason. */
async function importKey(_format: "raw", data: ArrayBuffer): Promise<Uint8Array> {
  return new Uint8Array(data);
}

async function sign(_algorithm: "HMAC", key: Uint8Array, data: Uint8Array): Promise<ArrayBuffer> {
  return Uint8Array.from(createHmac("sha256", key).update(data).digest()).buffer;
}

async function encrypt({ iv }: AesGcm, key: Uint8Array, data: Uint8Array): Promise<ArrayBuffer> {
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  return Uint8Array.from(Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()])).buffer;
}

async function decrypt({ iv }: AesGcm, key: Uint8Array, data: Uint8Array): Promise<ArrayBuffer> {
  const decipher = createDecipheriv("aes-256-gcm", key, iv);
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  return Uint8Array.from(Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]))
    .buffer;
}

/**
 * Node keeps a combined signal alive as long as it has listeners. Here the listeners often belong to a dead process
 * and are never removed.
 */
function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const any = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) any.abort(signal.reason);
    else signal.addEventListener("abort", () => any.abort(signal.reason), { once: true });
  }
  return any.signal;
}

function signalAfter(ms: number): AbortSignal {
  const over = new AbortController();
  const abort = () => over.abort(new DOMException("The operation timed out.", "TimeoutError"));
  new VirtualTimer(abort, ms, false);
  return over.signal;
}

/** Installs the globals that the Worker's runtime and Node share. */
export function installVirtualGlobals(): void {
  const globals: Record<string, unknown> = {
    Date: VirtualDate,
    performance: { now: virtualNow },
    setTimeout: startTimer(false),
    setInterval: startTimer(true),
    clearTimeout: stopTimer,
    clearInterval: stopTimer,
    setImmediate: (act: () => void) => new VirtualTimer(act, 0, false),
    crypto: {
      randomUUID: () => theWorld().ids.uuid(),
      getRandomValues: <T extends Uint8Array>(into: T): T => {
        theWorld().ids.bytes(into);
        return into;
      },
      subtle: { digest, timingSafeEqual, importKey, sign, encrypt, decrypt },
    },
    console: {
      log: (text: string) => theWorld().note(currentProcess()?.name ?? "", text),
      error(text: string) {
        theWorld().note(currentProcess()?.name ?? "", text);
        reportBug(theWorld(), currentProcess()?.name ?? "", text);
      },
    },
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  Object.defineProperty(process, "pid", { get: () => currentProcess()?.pid ?? 0 });
  AbortSignal.any = anySignal;
  AbortSignal.timeout = signalAfter;
  Math.random = () => theWorld().dice.next();
}
