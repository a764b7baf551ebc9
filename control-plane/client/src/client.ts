import {
  AgentCreated,
  AgentView,
  DEFAULT_POOL,
  Health,
  isTerminal,
  JobCreated,
  JobEvent,
  JobList,
  JobLogs,
  type JobStatus,
  JobStatusView,
  JobView,
  MAX_WAIT_SECONDS,
  Problem,
  planParts,
  problemText,
  SHA256_HEADER,
  ShareCreated,
  UploadPartList,
  UploadView,
  type WatchMessage,
} from "@splatt/shared";
import { z } from "zod";
import { type WatchOptions, WatchUnavailable, watchMessages } from "./watch.ts";

export { verifyWebhook } from "./verify-webhook.ts";
export type { WatchOptions } from "./watch.ts";

/** An error response of the API (RFC 9457). */
export class ApiProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problemText(problem));
    this.name = "ApiProblem";
    this.problem = problem;
  }
}

const PARALLEL_PARTS = 3;
const PART_RETRIES = 4;
const RETRIES = 4;
const RETRY_PAUSE_MS = 100;
/** A proxy's or the control plane's word that the same request may succeed soon. */
const UNAVAILABLE = new Set([502, 503, 504]);
const IDEMPOTENCY_KEY = "idempotency-key";

/** A file to upload: a browser's `File`, or what `splatt/node` opens. */
export interface UploadSource {
  readonly name: string;
  readonly content: Blob;
}

export interface UploadOptions {
  /** Receives the fraction sent so far. */
  readonly onProgress?: (fraction: number) => void;
  /** Receives the upload's id before the first part is sent, to be kept for `resume`. */
  readonly onCreated?: (uploadId: string) => void;
  /** An earlier upload of this file: parts that it has are not sent again. Their hashes tell whether they are. */
  readonly resume?: string;
  /** Of the whole file, hex; the server verifies it. */
  readonly sha256?: string;
  /** How many parts are sent at once; each takes 32 MiB of memory. 3 by default. */
  readonly parallel?: number;
  /** Stops sending. The upload stays, to be resumed. */
  readonly signal?: AbortSignal;
}

/** Which jobs to list: all that match all of these. */
export interface JobFilters {
  readonly task_id?: string;
  /** `key=value`; all of them. */
  readonly label?: string | readonly string[];
  /** One of them. */
  readonly status?: JobStatus | readonly JobStatus[];
  readonly pool?: string;
  /** ISO 8601: from the first time, before the second. */
  readonly created_after?: string;
  readonly created_before?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** A client of the public API. Runs wherever there are `fetch` and Web Crypto. */
export class SplattClient {
  readonly #url: string;
  readonly #apiKey: string | null;

  /** @param apiKey null in a page, which has the session that its user is signed in with */
  constructor(url: string, apiKey: string | null) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  health(): Promise<Health> {
    return this.#call("GET", "/health", Health);
  }

  createAgent(name: string, pool = DEFAULT_POOL): Promise<AgentCreated> {
    return this.#create("/agents", AgentCreated, { name, pool });
  }

  async deleteAgent(agentId: string): Promise<void> {
    await this.#call("DELETE", `/agents/${agentId}`, z.unknown());
  }

  agents(): Promise<{ agents: AgentView[] }> {
    return this.#call("GET", "/agents", z.object({ agents: z.array(AgentView) }));
  }

  async drainAgent(agentId: string, deadlineSec: number): Promise<void> {
    await this.#call("POST", `/agents/${agentId}/drain`, z.unknown(), { deadline_sec: deadlineSec });
  }

  createJob(body: Readonly<Record<string, unknown>>): Promise<JobCreated> {
    return this.#create("/jobs", JobCreated, body);
  }

  /** A page of jobs, newest first. `next_cursor` of a page is the `cursor` of the next; null ends the list. */
  jobs(filters: JobFilters = {}): Promise<JobList> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filters)) {
      for (const each of [value ?? []].flat()) query.append(name, String(each));
    }
    return this.#call("GET", `/jobs?${query}`, JobList);
  }

  cancelJob(jobId: string): Promise<JobStatusView> {
    return this.#call("POST", `/jobs/${jobId}/cancel`, JobStatusView);
  }

  /** @param changes options that differ from those of the ended job */
  retryJob(jobId: string, changes: Readonly<Record<string, unknown>> = {}): Promise<JobCreated> {
    return this.#create(`/jobs/${jobId}/retry`, JobCreated, changes);
  }

  /** Makes a link that shows the splat of a completed job to whoever has it. */
  createShare(jobId: string, options: Readonly<Record<string, unknown>> = {}): Promise<ShareCreated> {
    return this.#create(`/jobs/${jobId}/shares`, ShareCreated, options);
  }

  job(jobId: string): Promise<JobView> {
    return this.#call("GET", `/jobs/${jobId}`, JobView);
  }

  async events(jobId: string): Promise<JobEvent[]> {
    return (await this.#call("GET", `/jobs/${jobId}/events`, z.object({ events: z.array(JobEvent) }))).events;
  }

  /**
   * What happens to a job, until it has ended: over a WebSocket, which reconnects, or, where none gets through, by a
   * status request that waits for the next change. Then only messages of type `job` and `end` come.
   */
  async *watch(jobId: string, options: WatchOptions = {}): AsyncGenerator<WatchMessage> {
    const url = new URL(`/jobs/${jobId}/watch`, this.#url);
    try {
      yield* watchMessages({ url, apiKey: this.#apiKey }, options);
    } catch (error) {
      if (!(error instanceof WatchUnavailable)) throw error;
      yield* this.#pollChanges(jobId, options.signal);
    }
  }

  /** Waits until a job has ended. @param onChange called with the job at each change */
  async wait(jobId: string, onChange: (job: JobView) => void = () => undefined): Promise<JobView> {
    for await (const message of this.watch(jobId)) {
      if (message.type !== "job") continue;
      onChange(message.job);
      if (isTerminal(message.job.status)) return message.job;
    }
    return this.job(jobId);
  }

  /** Lines of a job's log. @param from the first one; negative counts from the end */
  logs(jobId: string, from = 0): Promise<JobLogs> {
    return this.#call("GET", `/jobs/${jobId}/logs?from=${from}`, JobLogs);
  }

  async *#pollChanges(jobId: string, signal: AbortSignal | undefined): AsyncGenerator<WatchMessage> {
    let event = 0;
    for (;;) {
      const job = await this.job(jobId);
      const events = (await this.events(jobId)).filter(({ number }) => number > event);
      event = events.at(-1)?.number ?? event;
      const { version } = job;
      const cursor = `${version}.${event}.-.-`;
      yield { type: "job", cursor, version, job, events };
      if (isTerminal(job.status)) {
        yield { type: "end", cursor, reason: "job_ended" };
        return;
      }
      if (signal?.aborted === true) return;
      const path = `/jobs/${jobId}/status?wait=${MAX_WAIT_SECONDS}&after=${version}`;
      await this.#call("GET", path, JobStatusView);
    }
  }

  /**
   * Uploads a file in parts, several at once. A part that fails is retried alone.
   *
   * @returns the upload's id, for `createJob`
   */
  async upload({ name, content }: UploadSource, options: UploadOptions = {}): Promise<string> {
    const { size } = content;
    const { signal, sha256, resume } = options;
    const upload =
      resume === undefined
        ? await this.#create("/uploads", UploadView, { filename: name, size, sha256 }, signal)
        : await this.#call("GET", `/uploads/${resume}`, UploadView, undefined, signal);
    if (upload.size !== size)
      throw new Error(`The upload has ${upload.size} bytes, and ${name} has ${size}.`);
    if (upload.status === "completed") return upload.upload_id;
    options.onCreated?.(upload.upload_id);

    const base = `/uploads/${upload.upload_id}`;
    const stored = resume === undefined ? new Map<number, string>() : await this.#storedParts(base, signal);
    const parts = planParts(size, upload.part_size).values();
    let sent = 0;
    const failed = new AbortController();
    const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    const sendParts = async () => {
      // All senders take from one iterator, so that each part is sent once.
      for (const part of parts) {
        const bytes = await content.slice(part.offset, part.offset + part.size).arrayBuffer();
        const hash = await sha256Hex(bytes);
        // A stored part counts only when it is still that of this file.
        if (stored.get(part.number) !== hash) {
          await this.#sendPart(`${base}/parts/${part.number}`, bytes, hash, stop);
        }
        sent += part.size;
        options.onProgress?.(sent / size);
      }
    };
    try {
      await Promise.all(Array.from({ length: options.parallel ?? PARALLEL_PARTS }, sendParts));
    } catch (error) {
      failed.abort();
      throw error;
    }
    await this.#call("POST", `${base}/complete`, UploadView, undefined, signal);
    return upload.upload_id;
  }

  /** @param url as the job's results state it */
  download(url: string): Promise<Response> {
    return this.#fetch("GET", url);
  }

  /** The SHA-256 of each part that is stored, by its number. */
  async #storedParts(base: string, signal: AbortSignal | undefined): Promise<Map<number, string>> {
    const { parts } = await this.#call("GET", `${base}/parts`, UploadPartList, undefined, signal);
    return new Map(parts.flatMap((part) => (part.sha256 === null ? [] : [[part.part_number, part.sha256]])));
  }

  async #sendPart(path: string, bytes: ArrayBuffer, sha256: string, signal: AbortSignal): Promise<void> {
    const headers = { [SHA256_HEADER]: sha256 };
    for (let retries = 0; ; retries += 1) {
      try {
        await this.#fetch("PUT", path, bytes, headers, signal);
        return;
      } catch (error) {
        if (signal.aborted || !canSendAgain(error) || retries >= PART_RETRIES) throw error;
        await pause(RETRY_PAUSE_MS * 2 ** retries);
      }
    }
  }

  /** Sends an idempotency key, so that a request whose reply was lost can be repeated. */
  #create<T extends z.ZodType>(
    path: string,
    schema: T,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<z.infer<T>> {
    return this.#call("POST", path, schema, body, signal, { [IDEMPOTENCY_KEY]: randomHex() });
  }

  async #call<T extends z.ZodType>(
    method: string,
    path: string,
    schema: T,
    body?: unknown,
    signal?: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<z.infer<T>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent = { "content-type": "application/json", ...headers };
    const response = await this.#fetch(method, path, text, sent, signal);
    return schema.parse(await response.json());
  }

  async #fetch(
    method: string,
    path: string,
    body?: string | ArrayBuffer,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const url = new URL(path, this.#url);
    // The key is for this API alone, wherever a response may point.
    if (url.origin !== new URL(this.#url).origin) throw new Error(`${url} does not belong to ${this.#url}`);
    const request = {
      method,
      headers: { ...(this.#apiKey === null ? {} : { "x-api-key": this.#apiKey }), ...headers },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await fetchRetrying(url, request);
    if (response.ok) return response;
    const text = await response.text();
    const problem = Problem.safeParse(parseJson(text));
    throw problem.success
      ? new ApiProblem(problem.data)
      : new Error(`${method} ${path} returned ${response.status}: ${text.slice(0, 300)}`);
  }
}

/** What is safe to repeat is retried when the connection fails: the control plane may be restarting. */
async function fetchRetrying(url: URL, request: SafeRequest): Promise<Response> {
  const isSafe = request.method === "GET" || IDEMPOTENCY_KEY in request.headers;
  for (let retries = 0; ; retries += 1) {
    const isLast = !isSafe || retries >= RETRIES;
    try {
      const response = await fetch(url, request);
      if (isLast || !UNAVAILABLE.has(response.status)) return response;
      await response.body?.cancel();
    } catch (error) {
      if (isLast || request.signal?.aborted) throw error;
    }
    await pause(RETRY_PAUSE_MS * 2 ** retries);
  }
}

/** After a lost connection, damage on the way, or when the server is busy or restarts. */
function canSendAgain(error: unknown): boolean {
  if (!(error instanceof ApiProblem)) return true;
  const { code, status } = error.problem;
  return code === "part_checksum_mismatch" || status === 408 || status === 429 || status >= 500;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface SafeRequest extends RequestInit {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Unlike `randomUUID`, also where a page has no TLS. */
function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), toHex).join("");
}

function toHex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

async function sha256Hex(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, toHex).join("");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
