import type { z } from "zod";
import { errorOf, UnexpectedAnswer, Unreachable } from "./errors.ts";
import { randomHex } from "./hex.ts";
import { lenient } from "./lenient.ts";
import { pause } from "./pause.ts";

const RETRIES = 4;
const RETRY_PAUSE_MS = 100;
/** A server that asks for a longer pause is not waited for. */
const MAX_RETRY_AFTER_SECONDS = 30;
const TOO_MANY_REQUESTS = 429;
/** A proxy's or the control plane's word that the same request may succeed soon. */
const UNAVAILABLE = new Set([502, 503, 504]);
const IDEMPOTENCY_KEY = "idempotency-key";

export interface SplattOptions {
  /** Of the control plane. By default, in a page, the page's own. */
  readonly url?: string;
  /** Without one, a page uses the session that its user is signed in with. */
  readonly apiKey?: string | null;
  /** Instead of the platform's. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of a request that creates something: several with one key create one thing. By default, each has its own. */
  readonly idempotencyKey?: string | undefined;
}

export type RequestBody = NonNullable<RequestInit["body"]>;

type QueryValue = string | number | boolean | readonly (string | number)[] | null | undefined;
export interface HttpRequest extends CallOptions {
  readonly query?: object | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: RequestBody;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends an idempotency key, so that a request whose answer was lost can be repeated. */
  readonly creates?: boolean;
}

/** Requests to one control plane. What is safe to repeat is repeated when no answer comes: it may be restarting. */
export class Http {
  readonly origin: string;
  readonly apiKey: string | null;
  readonly #fetch: typeof fetch;

  constructor(options: SplattOptions) {
    const url = options.url ?? (globalThis as { location?: { origin: string } }).location?.origin;
    if (url === undefined) throw new TypeError("Splatt needs the url of a control plane");
    this.origin = new URL(url).origin;
    this.apiKey = options.apiKey ?? null;
    // A method of `globalThis`: browsers refuse it on another object.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** The parsed JSON of a successful answer. */
  async json<T extends z.ZodType>(
    schema: T,
    method: string,
    path: string,
    request: HttpRequest = {},
  ): Promise<z.output<T>> {
    const response = await this.request(method, path, request);
    const text = await response.text();
    try {
      return lenient(schema).parse(JSON.parse(text));
    } catch (error) {
      throw new UnexpectedAnswer(`${method} ${path} returned an unexpected response`, error);
    }
  }

  /**
   * @param path an absolute path, or a URL of this origin
   * @throws ApiProblem, UnexpectedAnswer, Unreachable, and the signal's reason
   */
  async request(method: string, path: string, request: HttpRequest = {}): Promise<Response> {
    const url = new URL(path, this.origin);
    // The key is for this API alone, wherever an answer may point.
    if (url.origin !== this.origin)
      throw new UnexpectedAnswer(`${url.href} does not belong to ${this.origin}`);
    for (const [name, value] of Object.entries(request.query ?? {}) as [string, QueryValue][]) {
      for (const item of [value ?? []].flat()) url.searchParams.append(name, String(item));
    }
    const body = request.json === undefined ? request.body : JSON.stringify(request.json);
    const init: RequestInit = {
      method,
      headers: {
        ...(this.apiKey !== null && { "x-api-key": this.apiKey }),
        ...(request.json !== undefined && { "content-type": "application/json" }),
        ...(request.creates === true && { [IDEMPOTENCY_KEY]: request.idempotencyKey ?? randomHex() }),
        ...request.headers,
      },
      ...(body !== undefined && { body }),
      ...(request.signal && { signal: request.signal }),
    };
    const isRepeatable = method === "GET" || method === "PUT" || request.creates === true;
    const response = await this.#send(url, init, isRepeatable);
    if (response.ok) return response;
    throw await errorOf(response, `${method} ${url.pathname}`);
  }

  async #send(url: URL, init: RequestInit, isRepeatable: boolean): Promise<Response> {
    const signal = init.signal ?? undefined;
    for (let retries = 0; ; retries += 1) {
      const isLast = retries >= RETRIES;
      let waitMs = RETRY_PAUSE_MS * 2 ** retries;
      try {
        const response = await this.#fetch(url, init);
        const { status } = response;
        const isWorthRepeating = status === TOO_MANY_REQUESTS || (isRepeatable && UNAVAILABLE.has(status));
        const seconds = Number(response.headers.get("retry-after") ?? 0);
        if (isLast || !isWorthRepeating || !(seconds <= MAX_RETRY_AFTER_SECONDS)) return response;
        waitMs = Math.max(waitMs, seconds * 1000);
        await response.body?.cancel();
      } catch (error) {
        signal?.throwIfAborted();
        if (isLast || !isRepeatable) throw new Unreachable(this.origin, error);
      }
      await pause(waitMs, signal);
    }
  }
}
