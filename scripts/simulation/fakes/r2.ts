import { createHash } from "node:crypto";
import type { World } from "../kernel/world.ts";
import { storageCall } from "./storage-call.ts";

export interface StoredObject {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly etag: string;
}

interface Multipart {
  readonly key: string;
  readonly createdAt: number;
  readonly parts: Map<number, { readonly etag: string; readonly bytes: Uint8Array }>;
  state: "open" | "completed" | "aborted";
}

/** R2 expires incomplete multipart uploads. */
const OPEN_UPLOAD_LIFETIME_MS = 7 * 24 * 3600 * 1000;

/** An in-memory R2 with the rules of multipart uploads. */
export class SimR2 {
  readonly #world: World;
  readonly #smallestPart: number;
  readonly objects = new Map<string, StoredObject>();
  readonly #multiparts = new Map<string, Multipart>();
  /** Incremented whenever an object is added or removed. */
  version = 0;
  #parts = 0;

  /** @param smallestPart the minimum size in bytes of every part except the last */
  constructor(world: World, smallestPart: number) {
    this.#world = world;
    this.#smallestPart = smallestPart;
  }

  createMultipartUpload(key: string): Promise<{ key: string; uploadId: string }> {
    return this.#call(`begin ${key}`, () => {
      const uploadId = `r2-${this.#multiparts.size + 1}`;
      this.#multiparts.set(uploadId, { key, createdAt: this.#world.now, parts: new Map(), state: "open" });
      return { key, uploadId };
    });
  }

  /** Accepts any key and id; the first use shows whether they exist. */
  resumeMultipartUpload(key: string, uploadId: string) {
    return {
      uploadPart: (partNumber: number, body: ReadableStream<Uint8Array> | Uint8Array) =>
        this.#uploadPart(key, uploadId, partNumber, body),
      complete: (parts: readonly { partNumber: number; etag: string }[]) =>
        this.#call(`complete ${key}`, () => this.#complete(key, uploadId, parts)),
      abort: () =>
        this.#call(`abort ${key}`, () => {
          const upload = this.#multiparts.get(uploadId);
          if (upload === undefined) throw new Error("abort: The specified upload does not exist. (10024)");
          if (upload.state === "open") upload.state = "aborted";
        }),
    };
  }

  head(key: string): Promise<{ key: string; size: number; etag: string } | null> {
    return this.#call(`head ${key}`, () => this.#describe(key));
  }

  get(key: string, options: { range?: { offset: number; length: number } } = {}) {
    return this.#call(`get ${key}`, () => {
      const stored = this.objects.get(key);
      if (stored === undefined) return null;
      const { offset, length } = options.range ?? { offset: 0, length: stored.bytes.length };
      const bytes = Uint8Array.from(stored.bytes.subarray(offset, offset + length));
      const { body } = new Response(bytes);
      const arrayBuffer = async () => bytes.buffer;
      return { key, size: stored.bytes.length, etag: stored.etag, body, arrayBuffer };
    });
  }

  /** @param options with a `sha256`, other bytes are refused */
  async put(
    key: string,
    body: ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>,
    options: { readonly sha256?: string } = {},
  ): Promise<void> {
    const bytes =
      body instanceof ReadableStream ? await readAll(body) : Uint8Array.from(new Uint8Array(body));
    return this.#call(`put ${key}`, () => {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      if ((options.sha256 ?? sha256) !== sha256) throw new Error("put: The checksum does not match. (10037)");
      this.objects.set(key, { key, bytes, etag: createHash("md5").update(bytes).digest("hex") });
      this.version += 1;
    });
  }

  delete(keys: string | readonly string[]): Promise<void> {
    const all = typeof keys === "string" ? [keys] : keys;
    return this.#call(`delete ${all.join(" ")}`, () => {
      for (const key of all) if (this.objects.delete(key)) this.version += 1;
    });
  }

  list({ prefix = "" }: { prefix?: string } = {}) {
    return this.#call(`list ${prefix}`, () => ({
      objects: [...this.objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => ({ key })),
      truncated: false,
    }));
  }

  /** Uploads that R2 still keeps open. */
  openUploads(): string[] {
    return [...this.#multiparts.values()].filter((upload) => this.#isOpen(upload)).map(({ key }) => key);
  }

  #call<T>(what: string, execute: () => T): Promise<T> {
    return storageCall(this.#world, "r2", what, execute);
  }

  async #uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: ReadableStream<Uint8Array> | Uint8Array,
  ) {
    const bytes = body instanceof Uint8Array ? Uint8Array.from(body) : await readAll(body);
    return this.#call(`part ${partNumber} of ${key}`, () => {
      const upload = this.#openUpload(key, uploadId);
      this.#parts += 1;
      const etag = `part-${this.#parts}`;
      upload.parts.set(partNumber, { etag, bytes });
      return { partNumber, etag };
    });
  }

  #complete(key: string, uploadId: string, parts: readonly { partNumber: number; etag: string }[]) {
    const upload = this.#openUpload(key, uploadId);
    const chosen = parts.map(({ partNumber, etag }) => {
      const part = upload.parts.get(partNumber);
      if (part?.etag !== etag) throw new Error("complete: One or more parts could not be found. (10025)");
      return part.bytes;
    });
    const [first] = chosen;
    for (const [index, { length }] of chosen.entries()) {
      const isLast = index === chosen.length - 1;
      const fits = isLast ? length <= (first?.length ?? 0) : length === first?.length;
      if (!fits) throw new Error("complete: All non-trailing parts must have the same length. (10048)");
      if (!isLast && length < this.#smallestPart) throw new Error("complete: A part is too small. (10011)");
    }
    upload.state = "completed";
    const bytes = Buffer.concat(chosen);
    const etag = `${createHash("md5").update(bytes).digest("hex")}-${parts.length}`;
    this.objects.set(key, { key, bytes, etag });
    this.version += 1;
    return this.#describe(key);
  }

  #openUpload(key: string, uploadId: string): Multipart {
    const upload = this.#multiparts.get(uploadId);
    if (upload === undefined || upload.key !== key || !this.#isOpen(upload)) {
      throw new Error("The specified multipart upload does not exist. (10024)");
    }
    return upload;
  }

  #isOpen({ state, createdAt }: Multipart): boolean {
    return state === "open" && this.#world.now - createdAt < OPEN_UPLOAD_LIFETIME_MS;
  }

  #describe(key: string) {
    const stored = this.objects.get(key);
    return stored === undefined ? null : { key, size: stored.bytes.length, etag: stored.etag };
  }
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
