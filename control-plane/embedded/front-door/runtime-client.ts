import { Agent, type ClientRequest, type IncomingMessage, request as requestRuntime } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { StorageState } from "../../src/storage/storage-state.ts";

/** How long a request waits for a runtime that is being restarted. */
const RETRY = { tries: 25, waitMs: 200 };
/** After this time without an answer, the disk is checked: while it hangs, so does the runtime. */
const SUSPICIOUS_MS = 2000;

export interface RuntimeClientOptions {
  /** The runtime's current address, which changes when the runtime restarts. */
  readonly runtimeUrl: () => Promise<URL>;
  readonly storage: () => StorageState | null;
  /** Checks the disk now. */
  readonly recheckStorage: () => Promise<void>;
}

export interface RuntimeRequest {
  readonly method: string;
  readonly path: string;
  /** Whether the runtime answers only at the next change of a job. */
  readonly isLongPoll: boolean;
  /** How long the runtime may take to answer. */
  readonly patienceMs: number;
  /** Called for each try, because the state of the disk is among them. */
  readonly headers: () => readonly string[];
  /** Null when the front door holds the body back. */
  readonly body: Buffer | null;
  /** Aborted when the client leaves. */
  readonly left: AbortSignal;
}

/** Sends requests to the runtime, again when it was restarting. */
export class RuntimeClient {
  readonly #options: RuntimeClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  #url: URL | null = null;

  constructor(options: RuntimeClientOptions) {
    this.#options = options;
  }

  async url(): Promise<URL> {
    this.#url ??= await this.#options.runtimeUrl();
    return this.#url;
  }

  /** After a failure: the next request asks for the address again. */
  forgetUrl(): void {
    this.#url = null;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @returns the runtime's answer, or null when it gives none, the client has left, or the disk hangs */
  async ask(request: RuntimeRequest): Promise<IncomingMessage | null> {
    for (let tries = 1; ; tries += 1) {
      const url = await this.url();
      // Nothing has been sent yet.
      if (request.left.aborted) return null;
      // As the request's headers tell the Worker. The disk may fill before the Worker answers.
      const tookWrites = !this.#refusesWrites();
      const forwarded = this.#forward(url, request);
      const leave = () => forwarded.destroy();
      // When the client has left, cancel the request unless it may change state.
      if (isReadOnly(request)) request.left.addEventListener("abort", leave);
      try {
        forwarded.end(request.body ?? undefined);
        const answer = await this.#answerTo(forwarded, request);
        // D1 reports a full disk as an internal error: check the disk, and let the Worker decide again.
        const mayBeDisk = (answer.statusCode ?? 0) >= 500 && answer.statusCode !== 507;
        const canRepeat = request.body !== null && tookWrites && tries < RETRY.tries;
        if (!mayBeDisk || !canRepeat) return answer;
        await this.#options.recheckStorage();
        // In this state the Worker refuses any write that it may have made the first time.
        if (!this.#refusesWrites()) return answer;
        answer.resume();
      } catch (error) {
        if (
          request.left.aborted ||
          isHanging(this.#options.storage()) ||
          !canRetry(error, forwarded, request) ||
          tries >= RETRY.tries
        )
          return null;
        this.forgetUrl();
        await sleep(RETRY.waitMs);
      } finally {
        request.left.removeEventListener("abort", leave);
      }
    }
  }

  /** Gives the request up when the disk hangs. */
  async #answerTo(forwarded: ClientRequest, request: RuntimeRequest): Promise<IncomingMessage> {
    let isAnswered = false;
    const giveUpIfDiskHangs = async () => {
      await this.#options.recheckStorage();
      // The answer may have come during the check, and is being passed on.
      if (!isAnswered && isHopeless(request, this.#options.storage())) forwarded.destroy();
    };
    const watch = setInterval(() => void giveUpIfDiskHangs(), SUSPICIOUS_MS);
    try {
      return await answerOf(forwarded);
    } finally {
      isAnswered = true;
      clearInterval(watch);
    }
  }

  #forward(
    { hostname, port }: URL,
    { method, path, headers, body, patienceMs }: RuntimeRequest,
  ): ClientRequest {
    const forwarded = requestRuntime({
      hostname,
      port,
      method,
      path,
      headers: headers(),
      agent: this.#agent,
      setHost: false,
      ...(body !== null && { timeout: patienceMs }),
    });
    // With an error of its own: one that closes the connection would be retried, and wait as long again.
    return forwarded.once("timeout", () => forwarded.destroy(new Error("the runtime does not answer")));
  }

  #refusesWrites(): boolean {
    const state = this.#options.storage();
    return state !== null && state.kind !== "slow";
  }
}

export function isHanging(state: StorageState | null): state is StorageState {
  return state !== null && (state.kind === "slow" || state.kind === "failing");
}

function isHopeless({ body, isLongPoll }: RuntimeRequest, state: StorageState | null): boolean {
  if (!isHanging(state)) return false;
  // A part takes long when the client is slow, and may itself slow the disk down. A long poll waits for its job.
  const mayTakeLong = body === null || isLongPoll;
  return !mayTakeLong || state.kind === "failing";
}

function isReadOnly({ method }: RuntimeRequest): boolean {
  return method === "GET" || method === "HEAD";
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // Also after the response.
    request.on("error", reject);
  });
}

/** A request that never reached the runtime can be retried; one that may have reached it, only if it is read-only. */
function canRetry(error: unknown, forwarded: ClientRequest, request: RuntimeRequest): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ECONNREFUSED") return true;
  return code === "ECONNRESET" && (forwarded.reusedSocket || isReadOnly(request));
}
