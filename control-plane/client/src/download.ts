import type { ResultEntry } from "@splatt/shared";
import { ApiProblem, DamagedFile, UnexpectedAnswer, Unreachable } from "./errors.ts";
import { sha256Hex } from "./hex.ts";
import type { CallOptions, Http } from "./http.ts";
import { pause } from "./pause.ts";

/** A connection that brings nothing for so long is replaced. */
const STALL_MS = 60_000;
const RETRIES = 6;
const RETRY_PAUSE_MS = 250;

export interface DownloadOptions extends CallOptions {
  /** Receives the bytes that have arrived so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * The bytes of a result file from `offset` to its end. A connection that breaks or stalls is replaced by one that
 * continues where it ended.
 *
 * @throws ApiProblem, Unreachable, DamagedFile when the server sends more bytes than the file has
 */
export async function* resultBytes(
  http: Http,
  { url, size }: Pick<ResultEntry, "url" | "size">,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let at = offset;
  let failures = 0;
  while (at < size) {
    try {
      for await (const chunk of connection(http, url, at, signal)) {
        at += chunk.byteLength;
        if (at > size) throw new DamagedFile(url);
        failures = 0;
        yield chunk;
      }
      if (at < size) throw new Error("the connection ended early");
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiProblem || error instanceof UnexpectedAnswer || error instanceof DamagedFile)
        throw error;
      failures += 1;
      if (failures > RETRIES)
        throw error instanceof Unreachable ? error : new Unreachable(http.origin, error);
      await pause(RETRY_PAUSE_MS * 2 ** failures, signal);
    }
  }
}

/** A result file in memory, verified. */
export async function downloadBlob(http: Http, entry: ResultEntry, options: DownloadOptions): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  for await (const chunk of resultBytes(http, entry, 0, options.signal)) {
    chunks.push(chunk);
    received += chunk.byteLength;
    options.onProgress?.(received);
  }
  const blob = new Blob(chunks, { type: entry.content_type });
  const sha256 = await sha256Hex(await blob.arrayBuffer());
  if (sha256 !== null && sha256 !== entry.sha256) throw new DamagedFile(entry.url);
  return blob;
}

async function* connection(
  http: Http,
  url: string,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stalled = new AbortController();
  const stall = () => stalled.abort(new Error("the download stalled"));
  let timer = setTimeout(stall, STALL_MS);
  const either = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  try {
    const headers = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await http.request("GET", url, { headers, signal: either });
    if (offset > 0 && !response.headers.get("content-range")?.startsWith(`bytes ${offset}-`)) {
      throw new UnexpectedAnswer(`GET ${url} ignored the range`);
    }
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(stall, STALL_MS);
        yield next.value;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  } finally {
    clearTimeout(timer);
  }
}
