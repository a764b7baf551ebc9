import { ApiProblem, Splatt, Unreachable } from "splatt";
import { sendAlone } from "./_file-lock.ts";
import type { Scene } from "./_scene.ts";
import { TransferRate } from "./_transfer-rate.ts";
import { fingerprintOf, forgetUpload, rememberUpload, unfinishedUpload } from "./_unfinished-uploads.ts";
import { uploadFetch } from "./_upload-fetch.ts";

const PARALLEL_PARTS = 3;
const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 60_000;

export interface UploadState {
  /** Bytes of the scene that the server has or that are on their way. */
  readonly sent: number;
  readonly filesSent: number;
  /** Of the bytes sent now: those that the server already had do not count. */
  readonly rate: TransferRate;
}

interface UploadDisplay {
  show(state: UploadState): void;
  showDisconnected(): void;
  /** Another tab of this browser sends one of the files. */
  showElsewhere(): void;
}

/**
 * Sends the files of a scene, several at once. A lost connection delays only the file that it carried.
 *
 * @returns the uploads' ids, in the order of the files
 */
export async function uploadScene(
  scene: Scene,
  paused: AbortSignal,
  display: UploadDisplay,
): Promise<string[]> {
  const { title, uploads: files } = scene;
  const failed = new AbortController();
  const signal = AbortSignal.any([paused, failed.signal]);
  const progress = new Progress(display);
  const ids = new Map<File, string>();
  const lanes = Math.min(PARALLEL_PARTS, files.length);
  const parallel = Math.ceil(PARALLEL_PARTS / lanes);
  // All lanes take from one iterator, so that each file is sent once.
  const rest = files.values();
  const sendFiles = async () => {
    for (const file of rest)
      ids.set(file, await uploadThroughCuts({ file, title, parallel, signal, progress }));
  };
  try {
    await Promise.all(Array.from({ length: lanes }, sendFiles));
  } catch (error) {
    failed.abort();
    throw error;
  }
  // The same file, chosen twice, is one upload.
  return [...new Set(files.flatMap((file) => ids.get(file) ?? []))];
}

/** The scene's job is made: its uploads need not be recognized any more. */
export async function forgetScene({ uploads }: Scene): Promise<void> {
  for (const file of uploads) forgetUpload(await fingerprintOf(file));
}

/** Whether a part of it was sent before. */
export async function isPartlySent({ uploads }: Scene): Promise<boolean> {
  for (const file of uploads) {
    if (unfinishedUpload(await fingerprintOf(file)) !== undefined) return true;
  }
  return false;
}

class Progress {
  readonly #display: UploadDisplay;
  readonly #rate = new TransferRate();
  readonly #sent = new Map<File, number>();
  readonly #done = new Set<File>();
  #transferred = 0;

  constructor(display: UploadDisplay) {
    this.#display = display;
  }

  /** @param transferred more bytes than at the last call, of any file */
  update(file: File, sent: number, transferred = 0): void {
    this.#sent.set(file, Math.min(file.size, sent));
    this.#transferred += transferred;
    this.#rate.record(this.#transferred, performance.now());
    this.#show();
  }

  end(file: File): void {
    this.#done.add(file);
    this.update(file, file.size);
  }

  showDisconnected(): void {
    this.#display.showDisconnected();
  }

  showElsewhere(): void {
    this.#display.showElsewhere();
  }

  #show(): void {
    const sent = [...this.#sent.values()].reduce((sum, each) => sum + each, 0);
    this.#display.show({ sent, filesSent: this.#done.size, rate: this.#rate });
  }
}

interface FileUpload {
  readonly file: File;
  readonly title: string;
  readonly parallel: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function uploadThroughCuts(upload: FileUpload): Promise<string> {
  const { file, signal, progress } = upload;
  const fingerprint = await fingerprintOf(file);
  let elsewhere: string | undefined;
  const noteOther = () => {
    elsewhere = unfinishedUpload(fingerprint) ?? elsewhere;
  };
  const waited = new AbortController();
  const onWait = () => {
    progress.showElsewhere();
    // The other tab forgets its upload when it has made its job.
    noteOther();
    addEventListener("storage", noteOther, { signal: waited.signal });
  };
  const send = () => {
    waited.abort();
    const attempt = (onProgress: () => void) => uploadFile(upload, fingerprint, elsewhere, onProgress);
    return throughCuts(attempt, signal, () => progress.showDisconnected());
  };
  const id = await sendAlone(fingerprint, signal, onWait, send).finally(() => waited.abort());
  progress.end(file);
  return id;
}

/** Repeats what is safe to repeat until it has been answered; soon after it made progress. */
export async function throughCuts<T>(
  attempt: (onProgress: () => void) => Promise<T>,
  signal: AbortSignal,
  onDisconnected: () => void,
): Promise<T> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
    let progressed = false;
    try {
      return await attempt(() => {
        progressed = true;
      });
    } catch (error) {
      if (!(error instanceof Unreachable) || signal.aborted) throw error;
      if (progressed) waitMs = FIRST_RETRY_MS;
      onDisconnected();
      await connectionOr(waitMs, signal);
    }
  }
}

/**
 * Sends what the server does not have yet.
 *
 * @param elsewhere the upload of another tab that has sent the file
 */
async function uploadFile(
  { file, title, parallel, signal, progress }: FileUpload,
  fingerprint: string,
  elsewhere: string | undefined,
  onSent: () => void,
): Promise<string> {
  let finished = 0;
  const onTransfer = (inFlight: number, transferred: number) => {
    if (transferred > 0) onSent();
    progress.update(file, finished + inFlight, transferred);
  };
  const client = new Splatt({ fetch: uploadFetch(onTransfer) });
  const options = {
    ...{ signal, parallel },
    onCreated: (uploadId: string) => rememberUpload({ fingerprint, uploadId, name: title }),
    onProgress: (fraction: number) => {
      finished = fraction * file.size;
      progress.update(file, finished);
    },
  };
  const source = { name: file.name, content: file };
  const resume = unfinishedUpload(fingerprint) ?? elsewhere;
  if (resume === undefined) return client.upload(source, options);
  try {
    return await client.upload(source, { ...options, resume });
  } catch (error) {
    // It has expired, was deleted, or belongs to another key.
    if (!(error instanceof ApiProblem) || ![403, 404, 409].includes(error.problem.status)) throw error;
    forgetUpload(fingerprint);
    return client.upload(source, options);
  }
}

/** Waits until the browser is online again, or for a while. */
function connectionOr(waitMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const waited = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, waitMs);
    over.signal.addEventListener("abort", () => clearTimeout(timer));
    addEventListener("online", () => resolve(), { signal: over.signal });
    signal.addEventListener("abort", () => reject(signal.reason), { signal: over.signal });
  });
  return waited.finally(() => over.abort());
}
