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
/** As many as curl takes. */
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
    // Some servers leave the zlib header out; browsers and curl take both.
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
 * The codings of a Content-Encoding header that can be undone, in the order in which they were applied. What is not
 * a coding is ignored, as browsers do: `none`, `binary`, `utf-8`, and the `aws-chunked` that object stores keep.
 *
 * @returns null when there are more than anybody means seriously
 */
export function contentCodings(header: string): readonly string[] | null {
  const names = header
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => CODINGS.has(name));
  return names.length > MAX_CODINGS ? null : names;
}

/** A body with its codings undone, except for one that the body does not have whatever the header says. */
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
  // Its errors reach whoever reads the output.
  pipeline(bytes, output).catch(() => undefined);
  yield* output;
}

/** Reads the first bytes without taking them away. */
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
