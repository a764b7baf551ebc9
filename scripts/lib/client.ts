import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AgentCreated,
  AgentView,
  DEFAULT_POOL,
  Health,
  JobCreated,
  JobEvent,
  JobStatusView,
  JobView,
  Problem,
  planParts,
  type ResultEntry,
  SHA256_HEADER,
  UploadView,
} from "@splatt/shared";
import { z } from "zod";

/** An answer of the API other than success, in its own words. */
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

/** A client of the public API, as a backend would write it. */
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

  agents(): Promise<{ agents: AgentView[] }> {
    return this.#call("GET", "/agents", z.object({ agents: z.array(AgentView) }));
  }

  async drainAgent(agentId: string, deadlineSec: number): Promise<void> {
    await this.#call("POST", `/agents/${agentId}/drain`, z.unknown(), { deadline_sec: deadlineSec });
  }

  job(jobId: string): Promise<JobView> {
    return this.#call("GET", `/jobs/${jobId}`, JobView);
  }

  async events(jobId: string): Promise<JobEvent[]> {
    return (await this.#call("GET", `/jobs/${jobId}/events`, z.object({ events: z.array(JobEvent) }))).events;
  }

  /** Sends a file in parts. A part that fails is sent again alone. @returns the upload's id, to make a job of */
  async upload(path: string, onProgress: (fraction: number) => void): Promise<string> {
    const { size } = await stat(path);
    const upload = await this.#call("POST", "/uploads", UploadView, { filename: basename(path), size });
    const base = `/uploads/${upload.upload_id}`;
    const file = await open(path);
    try {
      let sent = 0;
      for (const part of planParts(size, upload.part_size)) {
        await this.#sendPart(`${base}/parts/${part.number}`, await readRange(file, part.offset, part.size));
        sent += part.size;
        onProgress(sent / size);
      }
    } finally {
      await file.close();
    }
    await this.#call("POST", `${base}/complete`, UploadView);
    return upload.upload_id;
  }

  /** Downloads a result file and checks it against the size and SHA-256 that the job's status states. */
  async download(result: ResultEntry, path: string): Promise<void> {
    const response = await this.#fetch("GET", result.url);
    if (response.body === null) throw new Error(`${result.url} has no body`);
    const hash = createHash("sha256");
    const hashing = async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(path));
    const { size } = await stat(path);
    const sha256 = hash.digest("hex");
    if (size !== result.size || sha256 !== result.sha256) {
      throw new Error(`${result.url} arrived damaged: ${size} bytes, sha256 ${sha256}, not ${result.sha256}`);
    }
  }

  async #sendPart(path: string, bytes: Buffer<ArrayBuffer>): Promise<void> {
    const headers = { [SHA256_HEADER]: createHash("sha256").update(bytes).digest("hex") };
    for (let tries = 0; ; tries += 1) {
      try {
        await this.#fetch("PUT", path, bytes, headers);
        return;
      } catch (error) {
        const final = error instanceof ApiProblem && error.problem.code !== "part_checksum_mismatch";
        if (final || tries >= PART_RETRIES) throw error;
      }
    }
  }

  async #call<T extends z.ZodType>(
    method: string,
    path: string,
    schema: T,
    body?: unknown,
  ): Promise<z.infer<T>> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const response = await this.#fetch(method, path, bytes, { "content-type": "application/json" });
    return schema.parse(await response.json());
  }

  async #fetch(
    method: string,
    path: string,
    body?: Buffer<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const request = {
      method,
      headers: { "x-api-key": this.#apiKey, ...headers },
      ...(body === undefined ? {} : { body }),
    };
    const response = await this.#once(new URL(path, this.#url), request);
    if (response.ok) return response;
    const text = await response.text();
    const problem = Problem.safeParse(parseJson(text));
    throw problem.success
      ? new ApiProblem(problem.data)
      : new Error(`${method} ${path} was answered by ${response.status}: ${text.slice(0, 300)}`);
  }

  /** What only reads is asked again when the connection broke: the control plane may have been started anew. */
  async #once(url: URL, request: RequestInit): Promise<Response> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await fetch(url, request);
      } catch (error) {
        if (request.method !== "GET" || tries >= READ_RETRIES) throw error;
        await sleep(READ_PAUSE_MS * 2 ** tries);
      }
    }
  }
}

async function readRange(file: FileHandle, offset: number, size: number): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, offset);
  return bytes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
