import { setTimeout as sleep } from "node:timers/promises";
import {
  err,
  errorText,
  type Failure,
  type Fence,
  failure,
  fenceHeaders,
  fullJitterMs,
  ok,
  type Result,
  type Welcome,
} from "@splatt/shared";
import type { Logger } from "pino";
import { type Dispatcher, request } from "undici";
import { z } from "zod";
import { httpClient } from "./network/http-client.ts";
import type { ProxySettings } from "./network/proxies.ts";
import type { Secret } from "./secret.ts";

export interface ClientOptions {
  readonly controlPlane: string;
  readonly token: Secret;
  readonly log: Logger;
  readonly proxies?: ProxySettings;
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
}

const BACKOFF = { minMs: 1000, maxMs: 30_000 };
/** On a slow line a part can still be in the machine's send buffer for minutes after it was written. */
const HEADERS_TIMEOUT_MS = 300_000;

/** Why a request failed. */
export interface RequestFailure extends Failure {
  /** The code of the control plane's problem document, if it answered with one. */
  readonly problem: string | null;
}

/**
 * The agent's HTTPS requests to its control plane, each under the job's current fence.
 *
 * Transient errors are retried until `signal` aborts: a control plane that is unreachable or overloaded, or that does
 * not know the fence yet because the agent is about to re-adopt its job.
 */
export class ControlPlaneClient {
  readonly #options: ClientOptions;
  #maxWholeFileBytes = 0;
  readonly dispatcher: Dispatcher;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.dispatcher = httpClient(options);
  }

  /** What the control plane can do, as its last welcome said. */
  noteWelcome({ max_whole_file_bytes = 0 }: Pick<Welcome, "max_whole_file_bytes">): void {
    this.#maxWholeFileBytes = max_whole_file_bytes;
  }

  /** The size of the largest result file that it takes in one request; 0 when it takes parts only. */
  get maxWholeFileBytes(): number {
    return this.#maxWholeFileBytes;
  }

  url(path: string): URL {
    return new URL(path, this.#options.controlPlane);
  }

  headers(fence: Fence): Record<string, string> {
    return { authorization: `Bearer ${this.#options.token.reveal()}`, ...fenceHeaders(fence) };
  }

  /** Retries a request until it is answered, and parses the answer with `schema`. */
  async call<T extends z.ZodType>(
    method: "POST" | "PUT",
    path: string,
    body: unknown,
    schema: T,
    context: {
      readonly fence: () => Fence;
      readonly signal: AbortSignal;
      readonly headers?: Record<string, string>;
    },
  ): Promise<Result<z.infer<T>, RequestFailure>> {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    for (let tries = 0; ; tries += 1) {
      if (context.signal.aborted) return err({ ...failure("agent_stopped", ""), problem: null });
      const answer = await this.#once(method, path, bytes, context);
      if (answer.kind === "answered") return ok(schema.parse(answer.body));
      if (answer.kind === "refused") {
        return err({ ...failure("upload_failed", answer.reason), problem: answer.problem });
      }
      const waitMs = fullJitterMs(tries, this.#options.backoff ?? BACKOFF, Math.random);
      this.#options.log.warn(
        `${method} ${path}: ${answer.reason}; retrying in ${(waitMs / 1000).toFixed(1)} s`,
      );
      await sleep(waitMs, undefined, { signal: context.signal }).catch(() => undefined);
    }
  }

  /** Sends a preview of the job's splat. Does not retry, because the next preview will follow; throws on failure. */
  async showPreview(fence: Fence, picture: Uint8Array, signal: AbortSignal): Promise<void> {
    const headers = { "content-type": "image/webp" };
    const path = `/agent/jobs/${fence.job_id}/preview`;
    const answer = await this.#once("PUT", path, Buffer.from(picture), {
      fence: () => fence,
      signal,
      headers,
    });
    if (answer.kind !== "answered") throw new Error(answer.reason);
  }

  async #once(
    method: "POST" | "PUT",
    path: string,
    body: Buffer,
    { fence, signal, headers }: { fence: () => Fence; signal: AbortSignal; headers?: Record<string, string> },
  ): Promise<
    | { kind: "answered"; body: unknown }
    | { kind: "refused"; reason: string; problem: string | null }
    | { kind: "unavailable"; reason: string }
  > {
    try {
      const response = await request(this.url(path), {
        method,
        body,
        signal,
        dispatcher: this.dispatcher,
        headersTimeout: HEADERS_TIMEOUT_MS,
        headers: {
          "content-type": "application/json",
          ...this.headers(fence()),
          ...headers,
          "content-length": String(body.byteLength),
        },
      });
      const text = await response.body.text();
      if (response.statusCode === 200) return { kind: "answered", body: JSON.parse(text) };
      const reason = `the control plane answered ${response.statusCode}: ${text.slice(0, 300)}`;
      const problem = problemCode(text);
      if (isTransient(response.statusCode, problem)) return { kind: "unavailable", reason };
      return { kind: "refused", reason, problem };
    } catch (error) {
      return {
        kind: "unavailable",
        reason: errorText(error),
      };
    }
  }
}

const Problem = z.object({ code: z.string() });

function problemCode(body: string): string | null {
  try {
    return Problem.parse(JSON.parse(body)).code;
  } catch {
    return null;
  }
}

function isTransient(status: number, problem: string | null): boolean {
  const passing = problem === "stale_lease" || problem === "part_checksum_mismatch";
  return status >= 500 || status === 429 || status === 401 || passing;
}
