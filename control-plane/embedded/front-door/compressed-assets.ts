import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const ASSETS_PATH = "/assets/";
const COMPRESSIBLE = /^(?:text\/|image\/svg)/;
/** More than the pages have. Of an upgraded control plane, the old ones go first. */
const MAX_KEPT = 40;

const compress = promisify(gzip);

/**
 * The pages' styles and scripts in gzip, as Cloudflare's edge serves them. Each is compressed once. They contain
 * nothing secret, so the length of the compressed bytes reveals nothing.
 */
export class CompressedAssets {
  /** By their tags, which name their contents. */
  readonly #kept = new Map<string, Promise<Buffer>>();

  /** @returns null for an answer that is sent as it is */
  async of(request: IncomingMessage, answer: IncomingMessage): Promise<Buffer | null> {
    const { etag, "content-type": type = "" } = answer.headers;
    const isAsset = request.url?.startsWith(ASSETS_PATH) === true && COMPRESSIBLE.test(type);
    const isWhole = request.method === "GET" && answer.statusCode === 200;
    if (!isAsset || !isWhole || etag === undefined || !takesGzip(request)) return null;
    let bytes = this.#kept.get(etag);
    if (bytes === undefined) {
      bytes = buffer(answer).then((whole) => compress(whole));
      this.#keep(etag, bytes);
    } else {
      answer.resume();
    }
    return bytes;
  }

  #keep(etag: string, bytes: Promise<Buffer>): void {
    this.#kept.set(etag, bytes);
    // What has failed is tried again.
    bytes.catch(() => this.#kept.delete(etag));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) return;
      this.#kept.delete(oldest);
    }
  }
}

/** The headers of the compressed answer, alternating names and values. */
export function compressedHeaders(headers: readonly string[], { length }: Buffer): string[] {
  return [
    ...headers,
    ...["content-encoding", "gzip", "vary", "accept-encoding", "content-length", String(length)],
  ];
}

function takesGzip({ headers }: IncomingMessage): boolean {
  const codings = String(headers["accept-encoding"] ?? "").split(",");
  return codings.some((coding) => /^\s*(?:x-)?gzip\s*(?:;\s*q=(?:1|0?\.\d*[1-9])\d*\s*)?$/i.test(coding));
}
