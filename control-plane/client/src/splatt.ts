import {
  type CreateJob,
  isTerminal,
  type JobCreated,
  type JobView,
  MAX_WAIT_SECONDS,
  type ResultEntry,
  type WatchMessage,
} from "@splatt/shared";
import { type DownloadOptions, downloadBlob, resultBytes } from "./download.ts";
import { SplattError } from "./errors.ts";
import type { CallOptions } from "./http.ts";
import { type Body, SplattApi, segment } from "./splatt-api.ts";
import { type UploadOptions, type UploadSource, uploadInParts } from "./upload.ts";
import { type WatchOptions, WatchUnavailable, watchMessages } from "./watch.ts";

export interface WaitOptions extends WatchOptions {
  /** Receives the job at each change. */
  readonly onChange?: ((job: JobView) => void) | undefined;
}

export type RunOptions = Body<Omit<CreateJob, "upload_id" | "upload_ids" | "video_url" | "filebin_url">> & {
  readonly upload?: UploadOptions;
};

/**
 * A client of the public API. Runs
 * wherever there are `fetch`, Web Crypto and `WebSocket`: Node, browsers, Workers, Deno, Bun.
 *
 * Each call takes a signal, and throws a `SplattError` when the control plane refuses it or cannot be reached.
 */
export class Splatt extends SplattApi {
  /**
   * Uploads a file in parts, several at once. A part that fails is retried alone.
   *
   * @returns the upload's id, for `createJob`
   */
  upload(source: UploadSource, options: UploadOptions = {}): Promise<string> {
    return uploadInParts(this.http, source, options);
  }

  /**
   * Creates a job for a file or several files of one scene, which are uploaded first one after the other, or for the
   * address of a video.
   */
  async run(
    video: UploadSource | readonly UploadSource[] | string,
    options: RunOptions = {},
  ): Promise<JobCreated> {
    const { upload, ...fields } = options;
    const { signal } = upload ?? {};
    if (typeof video === "string") {
      const task_id = fields.task_id ?? video;
      return this.createJob({ ...fields, task_id, video_url: video }, { signal });
    }
    const [file, ...others] = [video].flat();
    if (file === undefined) throw new SplattError("no_file", "There is no file to make a job of");
    const source =
      others.length === 0
        ? { upload_id: await this.upload(file, upload) }
        : { upload_ids: await this.#uploadAll([file, ...others], upload) };
    const task_id = fields.task_id ?? file.name;
    return this.createJob({ ...fields, ...source, task_id }, { signal });
  }

  /** Uploads files one after the other. The progress is that of all. */
  async #uploadAll(
    files: readonly UploadSource[],
    { signal, parallel, onProgress }: UploadOptions = {},
  ): Promise<string[]> {
    const total = files.reduce((sum, { content }) => sum + content.size, 0);
    const ids: string[] = [];
    let before = 0;
    for (const file of files) {
      const report = (fraction: number) => onProgress?.((before + fraction * file.content.size) / total);
      ids.push(await this.upload(file, { signal, parallel, onProgress: report }));
      before += file.content.size;
    }
    return ids;
  }

  /**
   * What happens to a job, until it has ended: over a WebSocket, which reconnects, or, where none gets through, by a
   * status request that waits for the next change. Then only messages of type `job` and `end` come.
   */
  async *watch(jobId: string, options: WatchOptions = {}): AsyncGenerator<WatchMessage> {
    if (options.transport === "poll") return yield* this.#pollChanges(jobId, options.signal);
    const url = new URL(`/jobs/${segment(jobId)}/watch`, this.http.origin);
    try {
      const check = () => this.getJob(jobId, { signal: options.signal });
      yield* watchMessages({ url, apiKey: this.http.apiKey, check }, options);
    } catch (error) {
      if (!(error instanceof WatchUnavailable)) throw error;
      yield* this.#pollChanges(jobId, options.signal);
    }
  }

  /** Waits until a job has ended. */
  async wait(jobId: string, options: WaitOptions = {}): Promise<JobView> {
    for await (const message of this.watch(jobId, options)) {
      if (message.type !== "job") continue;
      options.onChange?.(message.job);
      if (isTerminal(message.job.status)) return message.job;
    }
    options.signal?.throwIfAborted();
    return this.getJob(jobId, options);
  }

  /** A result file in memory. Resumes after a lost connection, and verifies size and SHA-256. */
  async download(jobId: string, filename: string, options: DownloadOptions = {}): Promise<Blob> {
    const { results } = await this.getJobStatus(jobId, options);
    const entry = results?.[filename];
    if (entry === undefined) throw new SplattError("result_not_found", `The job has no file ${filename}`);
    return downloadBlob(this.http, entry, options);
  }

  /**
   * The bytes of a result file, as the job states it, from `offset` to its end. Resumes after a lost connection. The
   * caller verifies the SHA-256.
   */
  readResult(
    entry: ResultEntry,
    offset = 0,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return resultBytes(this.http, entry, offset, options.signal);
  }

  async *#pollChanges(jobId: string, signal: AbortSignal | undefined): AsyncGenerator<WatchMessage> {
    let event = 0;
    for (;;) {
      const job = await this.getJob(jobId, { signal });
      const history = await this.getJobEvents(jobId, { signal });
      const events = history.events.filter(({ number }) => number > event);
      event = events.at(-1)?.number ?? event;
      const { version } = job;
      const cursor = `${version}.${event}.-.-`;
      yield { type: "job", cursor, version, job, events };
      if (isTerminal(job.status)) {
        yield { type: "end", cursor, reason: "job_ended" };
        return;
      }
      await this.getJobStatus(jobId, { wait: MAX_WAIT_SECONDS, after: version, signal });
    }
  }

  /** The same as `watch`. */
  watchJob(jobId: string, options?: WatchOptions): AsyncGenerator<WatchMessage> {
    return this.watch(jobId, options);
  }
}
