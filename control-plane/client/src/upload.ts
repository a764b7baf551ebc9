import { planParts, SHA256_HEADER, UploadPartList, UploadView } from "@splatt/shared";
import { ApiProblem, SplattError } from "./errors.ts";
import { sha256Hex } from "./hex.ts";
import type { CallOptions, Http } from "./http.ts";
import { pause } from "./pause.ts";

const PARALLEL_PARTS = 3;
const RETRIES = 4;
const RETRY_PAUSE_MS = 200;

/** A file to upload: a browser's `File` in parts, or what `splatt/node` opens. */
export interface UploadSource {
  readonly name: string;
  readonly content: Blob;
}

export interface UploadOptions extends CallOptions {
  /** Receives the fraction sent so far. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  /** Receives the upload's id before the first part is sent, to be kept for `resume`. */
  readonly onCreated?: ((uploadId: string) => void) | undefined;
  /** An earlier upload of this file: parts that it has are not sent again. Their hashes tell whether they are. */
  readonly resume?: string | undefined;
  /** Of the whole file, hex; the server verifies it. */
  readonly sha256?: string | undefined;
  /** How many parts are sent at once; each takes 32 MiB of memory. 3 by default. */
  readonly parallel?: number | undefined;
}

/**
 * Uploads a file in parts, several at once. A part that fails is retried alone; after an abort the upload stays, to be
 * resumed.
 *
 * @returns the upload's id
 */
export async function uploadInParts(
  http: Http,
  { name, content }: UploadSource,
  options: UploadOptions,
): Promise<string> {
  const { size } = content;
  const { signal, sha256, resume } = options;
  const upload =
    resume === undefined
      ? await http.json(UploadView, "POST", "/uploads", {
          json: { filename: name, size, sha256 },
          creates: true,
          signal,
        })
      : await http.json(UploadView, "GET", `/uploads/${resume}`, { signal });
  const { upload_id: id } = upload;
  if (upload.size !== size) {
    throw new SplattError(
      "upload_differs",
      `The upload has ${upload.size} bytes, and ${name} has ${size} bytes`,
    );
  }
  if (upload.status === "completed") return id;
  options.onCreated?.(id);

  const stored = resume === undefined ? new Map<number, string>() : await storedParts(http, id, signal);
  const parts = planParts(size, upload.part_size).values();
  const sent = new Map<number, number>();
  const report = (part: number, bytes: number) => {
    sent.set(part, bytes);
    options.onProgress?.([...sent.values()].reduce((sum, each) => sum + each, 0) / size);
  };
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const sendParts = async () => {
    // All senders take from one iterator, so that each part is sent once.
    for (const part of parts) {
      const bytes = await content.slice(part.offset, part.offset + part.size).arrayBuffer();
      const hash = await sha256Hex(bytes);
      // A stored part counts only when it is still that of this file.
      if (hash === null || stored.get(part.number) !== hash) {
        const path = `/uploads/${id}/parts/${part.number}`;
        await sendPart(http, path, bytes, hash, stop, (count) => report(part.number, count));
      }
      report(part.number, part.size);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.parallel ?? PARALLEL_PARTS }, sendParts));
  } catch (error) {
    failed.abort();
    throw error;
  }
  await http.json(UploadView, "POST", `/uploads/${id}/complete`, { signal });
  return id;
}

/** The SHA-256 of each part that is stored, by its number. */
async function storedParts(
  http: Http,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<Map<number, string>> {
  const { parts } = await http.json(UploadPartList, "GET", `/uploads/${uploadId}/parts`, { signal });
  return new Map(parts.flatMap((part) => (part.sha256 === null ? [] : [[part.part_number, part.sha256]])));
}

async function sendPart(
  http: Http,
  path: string,
  bytes: ArrayBuffer,
  sha256: string | null,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<void> {
  const headers = sha256 === null ? {} : { [SHA256_HEADER]: sha256 };
  for (let retries = 0; ; retries += 1) {
    try {
      await http.request("PUT", path, { body: new CountedBlob(bytes, onSent), headers, signal });
      return;
    } catch (error) {
      if (signal.aborted || !canSendAgain(error) || retries >= RETRIES) throw error;
      await pause(RETRY_PAUSE_MS * 2 ** retries, signal);
    }
  }
}

const CHUNK_BYTES = 64 * 1024;

/** Counts what is read from it. Node's fetch reads it while it sends; a browser's reports nothing before the end. */
class CountedBlob extends Blob {
  readonly #bytes: ArrayBuffer;
  readonly #onRead: (bytes: number) => void;

  constructor(bytes: ArrayBuffer, onRead: (bytes: number) => void) {
    super([bytes]);
    this.#bytes = bytes;
    this.#onRead = onRead;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let read = 0;
    return new ReadableStream({
      pull: (controller) => {
        const length = Math.min(CHUNK_BYTES, this.#bytes.byteLength - read);
        controller.enqueue(new Uint8Array(this.#bytes, read, length));
        read += length;
        this.#onRead(read);
        if (read === this.#bytes.byteLength) controller.close();
      },
    });
  }
}

/** After a lost connection, damage on the way, or when the server is busy or restarts. */
function canSendAgain(error: unknown): boolean {
  if (!(error instanceof ApiProblem)) return true;
  const { code, status } = error;
  return code === "part_checksum_mismatch" || status === 408 || status === 429 || status >= 500;
}
