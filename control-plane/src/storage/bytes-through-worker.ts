import { isChecksumMismatch, isNoSuchUpload } from "../db/store-errors.ts";
import { hex } from "../http/credentials.ts";
import { ApiError } from "../http/problem.ts";
import { appendThroughWorker, growingPartSize } from "./append-through-worker.ts";
import type { ObjectBytes } from "./object-bytes.ts";

export function objectBytes(env: {
  readonly BUCKET: R2Bucket;
  readonly OBJECT_BYTES?: ObjectBytes;
}): ObjectBytes {
  return env.OBJECT_BYTES ?? bytesThroughWorker(env.BUCKET);
}

/** Streams objects from and to R2 through the Worker, hashing parts on the way. */
function bytesThroughWorker(bucket: R2Bucket): ObjectBytes {
  return {
    async send(key, range, init) {
      const stored = await bucket.get(key, range === "whole" ? {} : { range });
      return stored === null ? null : new Response(stored.body, init);
    },

    async receivePart(upload, { number, size, sha256 }, { body }) {
      if (body === null) throw new ApiError("body_incomplete");
      const digest = new crypto.DigestStream("SHA-256");
      const writer = digest.getWriter();
      let received = 0;
      let damaged = false;
      // Held back until the hash is verified: R2 never has the whole of a damaged part, and so keeps an earlier good
      // one.
      let lastChunk: Uint8Array | null = null;
      const hashing = new TransformStream<Uint8Array, Uint8Array>({
        async transform(chunk, controller) {
          received += chunk.byteLength;
          await writer.write(chunk);
          if (lastChunk !== null) controller.enqueue(lastChunk);
          lastChunk = chunk;
        },
        async flush(controller) {
          await writer.close();
          damaged = sha256 !== null && hex(new Uint8Array(await digest.digest)) !== sha256;
          if (damaged) controller.error(new ApiError("part_checksum_mismatch"));
          else if (lastChunk !== null) controller.enqueue(lastChunk);
        },
      });
      // The store reports a body that breaks off as an outage, so the source is watched.
      let brokeOff = false;
      const watched = body.pipeTo(hashing.writable).catch(() => {
        brokeOff = received < size;
      });
      const part = await bucket
        .resumeMultipartUpload(upload.r2Key, upload.r2UploadId)
        .uploadPart(number, hashing.readable.pipeThrough(new FixedLengthStream(size)))
        .catch(async (error: unknown) => {
          if (isNoSuchUpload(error)) throw new ApiError("upload_not_found");
          await watched;
          if (damaged) throw new ApiError("part_checksum_mismatch");
          if (brokeOff) throw new ApiError("body_incomplete");
          throw error;
        });
      return { part_number: part.partNumber, etag: part.etag };
    },

    async receiveObject(key, { size, sha256 }, { body }) {
      if (body === null) throw new ApiError("body_incomplete");
      const source = watchSource(body);
      // R2 verifies the hash, and stores nothing otherwise.
      await bucket
        .put(key, source.bytes.pipeThrough(new FixedLengthStream(size)), { sha256 })
        .catch((error: unknown) => {
          if (isChecksumMismatch(error)) throw new ApiError("part_checksum_mismatch");
          // The store reports a body that breaks off as an outage.
          if (source.endedAfter() !== null && source.endedAfter() !== size)
            throw new ApiError("body_incomplete");
          throw error;
        });
    },

    async sha256(key) {
      const object = await bucket.get(key);
      if (object === null) return null;
      const digest = new crypto.DigestStream("SHA-256");
      await object.body.pipeTo(digest);
      return hex(new Uint8Array(await digest.digest));
    },

    growingPartSize,
    appendBody: (upload, request, algorithm) => appendThroughWorker(bucket, upload, request, algorithm),
  };
}

/** A body, and after how many bytes its sender ended or broke it off; null while neither has happened. */
function watchSource(body: ReadableStream<Uint8Array>): {
  readonly bytes: ReadableStream<Uint8Array>;
  readonly endedAfter: () => number | null;
} {
  const reader = body.getReader();
  let received = 0;
  let endedAfter: number | null = null;
  const bytes = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          endedAfter = received;
          controller.close();
        } else {
          received += value.byteLength;
          controller.enqueue(value);
        }
      } catch (error) {
        endedAfter = received;
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { bytes, endedAfter: () => endedAfter };
}
