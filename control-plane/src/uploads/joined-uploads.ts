import { TAR_BLOCK, tarHeader, tarPadding, tarPath, uniquePaths } from "@splatt/shared";
import type { UploadRow } from "../db/schema.ts";
import { hex } from "../http/credentials.ts";
import type { StoredObject } from "../http/object-response.ts";
import { log } from "../log.ts";
import type { ByteRange, ObjectBytes } from "../storage/object-bytes.ts";

/** Bytes of the archive: of our own, or an object's. */
type Segment =
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly r2Key: string; readonly size: number };

/** Several uploads as the one tar that an agent downloads. It is nowhere stored. */
export interface JoinedUploads {
  readonly object: StoredObject;
  /** Sends it, or a range of it, one object after the other. */
  readonly bytes: Pick<ObjectBytes, "send">;
}

/** Bytes of the tar of files of these sizes. */
export function joinedSize(sizes: readonly number[]): number {
  const padded = sizes.map((size) => TAR_BLOCK + size + tarPadding(size).length);
  return padded.reduce((sum, each) => sum + each, 2 * TAR_BLOCK);
}

/**
 * Joins completed uploads to a tar that is made while it is sent. Ranges of it work, and its ETag is strong: the
 * uploads never change, so an agent downloads it in several streams and resumes it, as any file.
 */
export async function joinUploads(bucket: R2Bucket, uploads: readonly UploadRow[]): Promise<JoinedUploads> {
  const paths = uniquePaths(uploads.map(({ filename }) => filename)).map(tarPath);
  const segments = uploads.flatMap(({ r2Key, size }, i): Segment[] => [
    { bytes: tarHeader({ path: paths[i] ?? "", size }) },
    { r2Key, size },
    { bytes: tarPadding(size) },
  ]);
  segments.push({ bytes: new Uint8Array(2 * TAR_BLOCK) });
  const size = joinedSize(uploads.map((upload) => upload.size));
  const contents = new TextEncoder().encode(JSON.stringify(uploads.map(({ etag }, i) => [paths[i], etag])));
  const object: StoredObject = {
    r2Key: "",
    etag: hex(new Uint8Array(await crypto.subtle.digest("SHA-256", contents))),
    size,
    filename: "uploads.tar",
    contentType: "application/x-tar",
    lastModified: Math.max(...uploads.map(({ createdAt }) => createdAt)),
  };
  return {
    object,
    bytes: {
      async send(_key, range, init) {
        const span = range === "whole" ? { offset: 0, length: size } : range;
        // Ends with an error when an upload has gone meanwhile: the agent gets less than was announced.
        const { readable, writable } = new FixedLengthStream(span.length);
        void write(bucket, segments, span, writable).catch((error: unknown) =>
          log("warn", "joined uploads broke off", {}, error),
        );
        return new Response(readable, init);
      },
    },
  };
}

/** Writes a range of the segments. One object is open at a time. */
async function write(
  bucket: R2Bucket,
  segments: readonly Segment[],
  { offset, length }: ByteRange,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  try {
    let at = 0;
    for (const segment of segments) {
      const size = "bytes" in segment ? segment.bytes.length : segment.size;
      const from = Math.max(0, offset - at);
      const to = Math.min(size, offset + length - at);
      at += size;
      if (from < to) await writeSegment(bucket, segment, { offset: from, length: to - from }, writable);
    }
    await writable.close();
  } catch (error) {
    await writable.abort(error).catch(() => undefined);
    throw error;
  }
}

async function writeSegment(
  bucket: R2Bucket,
  segment: Segment,
  range: ByteRange,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  if ("bytes" in segment) {
    const writer = writable.getWriter();
    await writer.write(segment.bytes.subarray(range.offset, range.offset + range.length));
    writer.releaseLock();
    return;
  }
  const object = await bucket.get(segment.r2Key, { range });
  if (object === null) throw new Error(`${segment.r2Key} has gone`);
  await object.body.pipeTo(writable, { preventClose: true, preventAbort: true });
}
