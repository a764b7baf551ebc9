import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { SIGNATURE_BYTES, signatureOf } from "../frames/container-signature.ts";

type Bytes = AsyncIterable<Buffer>;

interface Coding {
  readonly isCoded: (head: Buffer) => boolean;
  readonly decoder: (head: Buffer) => Transform;
}

const OUTPUT = { chunkSize: 256 * 1024 };
/** curl's limit. */
const MAX_CODINGS = 5;

const gzip: Coding = {
  isCoded: (head) => head[0] === 0x1f && head[1] === 0x8b,
  decoder: () => createGunzip(OUTPUT),
};

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ["gzip", gzip],
  ["x-gzip", gzip],
  [
    "deflate",
    // Some servers omit the zlib header; browsers and curl accept both.
    {
      isCoded: () => true,
      decoder: (head) => (hasZlibHeader(head) ? createInflate(OUTPUT) : createInflateRaw(OUTPUT)),
    },
  ],
  ["br", { isCoded: () => true, decoder: () => createBrotliDecompress(OUTPUT) }],
  [
    "zstd",
    {
      isCoded: (head) => head.subarray(0, 4).equals(ZSTD_MAGIC),
      decoder: () => createZstdDecompress(OUTPUT),
    },
  ],
]);

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * The decodable codings of a Content-Encoding header, in the order in which they were applied. Other tokens are
 * ignored, as in browsers: `none`, `binary`, `utf-8`, and the `aws-chunked` that object stores keep.
 *
 * @returns null when there are too many
 */
export function contentCodings(header: string): readonly string[] | null {
  const names = header
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => CODINGS.has(name));
  return names.length > MAX_CODINGS ? null : names;
}

/** Decodes a body, except for a coding that the header names and the body does not have. */
export function decoded(body: Readable, codings: readonly string[]): Bytes {
  return codings.reduceRight<Bytes>((bytes, name) => {
    const coding = CODINGS.get(name);
    return coding === undefined ? bytes : undo(coding, bytes);
  }, body);
}

async function* undo({ isCoded, decoder }: Coding, coded: Bytes): AsyncGenerator<Buffer> {
  const { head, bytes } = await peek(coded, SIGNATURE_BYTES);
  if (signatureOf(head) === "video" || !isCoded(head)) return yield* bytes;
  const output = decoder(head);
  // Its errors surface where the output is read.
  pipeline(bytes, output).catch(() => undefined);
  yield* output;
}

/** Reads the first bytes without consuming them. */
async function peek(source: Bytes, wanted: number): Promise<{ head: Buffer; bytes: Bytes }> {
  const iterator = source[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let length = 0;
  while (length < wanted) {
    const { done, value } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.length;
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield* first;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first), bytes: all() };
}

/** RFC 1950: method 8, and the first two bytes a multiple of 31. */
function hasZlibHeader(head: Buffer): boolean {
  return head.length >= 2 && ((head[0] ?? 0) & 0x0f) === 8 && head.readUInt16BE(0) % 31 === 0;
}
