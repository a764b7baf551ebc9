import {
  AgentCreated,
  AgentView,
  DEFAULT_POOL,
  Health,
  isTerminal,
  JobCreated,
  JobEvent,
  JobLogs,
  JobStatusView,
  JobView,
  MAX_WAIT_SECONDS,
  Problem,
  planParts,
  SHA256_HEADER,
  ShareCreated,
  UploadView,
  type WatchMessage,
} from "@splatt/shared";
import { z } from "zod";
import { type WatchOptions, WatchUnavailable, watchMessages } from "./watch.ts";

export type { WatchOptions } from "./watch.ts";

/** An error response of the API (RFC 9457). */
export class ApiProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    const detail =
      typeof problem.detail === "string"
        ? problem.detail
        : problem.detail.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ");
    super(`${problem.title}: ${detail}. ${problem.hint ?? ""}`.trim());
    this.name = "ApiProblem";
    this.problem = problem;
  }
}

const PART_RETRIES = 4;
const READ_RETRIES = 4;
const READ_PAUSE_MS = 100;

/** A file to upload: a browser's `File`, or what `splatt/node` opens. */
export interface UploadSource {
  readonly name: string;
  readonly content: Blob;
}

/** A client of the public API. Runs wherever there are `fetch` and Web Crypto. */
export class SplattClient {
  readonly #url: string;
  readonly #apiKey: string;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  health(): Promise<Health> {
    return this.#call("GET", "/health", Health);
  }

  createAgent(name: string, pool = DEFAULT_POOL): Promise<AgentCreated> {
    return this.#call("POST", "/agents", AgentCreated, { name, pool });
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
    return this.#call("POST", "/jobs", JobCreated, body);
  }

  cancelJob(jobId: string): Promise<JobStatusView> {
    return this.#call("POST", `/jobs/${jobId}/cancel`, JobStatusView);
  }

  /** @param changes options that differ from those of the ended job */
  retryJob(jobId: string, changes: Readonly<Record<string, unknown>> = {}): Promise<JobCreated> {
    return this.#call("POST", `/jobs/${jobId}/retry`, JobCreated, changes);
  }

  /** Makes a link that shows the splat of a completed job to whoever has it. */
  createShare(jobId: string, options: Readonly<Record<string, unknown>> = {}): Promise<ShareCreated> {
    return this.#call("POST", `/jobs/${jobId}/shares`, ShareCreated, options);
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
   * Uploads a file in parts. A part that fails is retried alone.
   *
   * @param onProgress receives the fraction sent so far
   * @returns the upload's id, for `createJob`
   */
  async upload(
    { name, content }: UploadSource,
    onProgress: (fraction: number) => void = () => undefined,
  ): Promise<string> {
    const { size } = content;
    const upload = await this.#call("POST", "/uploads", UploadView, { filename: name, size });
    const base = `/uploads/${upload.upload_id}`;
    let sent = 0;
    for (const part of planParts(size, upload.part_size)) {
      const bytes = await content.slice(part.offset, part.offset + part.size).arrayBuffer();
      await this.#sendPart(`${base}/parts/${part.number}`, bytes);
      sent += part.size;
      onProgress(sent / size);
    }
    await this.#call("POST", `${base}/complete`, UploadView);
    return upload.upload_id;
  }

  /** @param url as the job's results state it */
  download(url: string): Promise<Response> {
    return this.#fetch("GET", url);
  }

  async #sendPart(path: string, bytes: ArrayBuffer): Promise<void> {
    const headers = { [SHA256_HEADER]: await sha256Hex(bytes) };
    for (let retries = 0; ; retries += 1) {
      try {
        await this.#fetch("PUT", path, bytes, headers);
        return;
      } catch (error) {
        const final = error instanceof ApiProblem && error.problem.code !== "part_checksum_mismatch";
        if (final || retries >= PART_RETRIES) throw error;
      }
    }
  }

  async #call<T extends z.ZodType>(
    method: string,
    path: string,
    schema: T,
    body?: unknown,
  ): Promise<z.infer<T>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.#fetch(method, path, text, { "content-type": "application/json" });
    return schema.parse(await response.json());
  }

  async #fetch(
    method: string,
    path: string,
    body?: string | ArrayBuffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const url = new URL(path, this.#url);
    // The key is for this API alone, wherever a response may point.
    if (url.origin !== new URL(this.#url).origin) throw new Error(`${url} does not belong to ${this.#url}`);
    const request = {
      method,
      headers: { "x-api-key": this.#apiKey, ...headers },
      ...(body === undefined ? {} : { body }),
    };
    const response = await fetchRetryingReads(url, request);
    if (response.ok) return response;
    const text = await response.text();
    const problem = Problem.safeParse(parseJson(text));
    throw problem.success
      ? new ApiProblem(problem.data)
      : new Error(`${method} ${path} returned ${response.status}: ${text.slice(0, 300)}`);
  }
}

/** Reads are retried when the connection fails: the control plane may be restarting. */
async function fetchRetryingReads(url: URL, request: RequestInit): Promise<Response> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await fetch(url, request);
    } catch (error) {
      if (request.method !== "GET" || retries >= READ_RETRIES) throw error;
      const pauseMs = READ_PAUSE_MS * 2 ** retries;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

async function sha256Hex(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
