import { ApiError } from "../http/problem.ts";
import type { ObjectBytes } from "../storage/object-bytes.ts";
import { askStore } from "./local-bucket.ts";
import { AppendedSlice, type StoreFailure } from "./store-protocol.ts";

const PROBLEM_OF = {
  no_such_object: "not_found",
  no_such_upload: "upload_not_found",
  invalid_part: "upload_incomplete",
  checksum_mismatch: "part_checksum_mismatch",
  body_incomplete: "body_incomplete",
  body_too_slow: "request_timeout",
  upload_busy: "upload_locked",
  storage_full: "storage_full",
  storage_unwritable: "storage_unwritable",
} as const satisfies Record<StoreFailure, string>;

/** Has the front door move the bytes between its client and the disk, so that they never pass through the Worker. */
export function doorBytes(store: Fetcher, transfer: string): ObjectBytes {
  return {
    async send(key, range, { status, headers }) {
      const reply = await askStore(store, {
        op: "send",
        transfer,
        key,
        range: range === "whole" ? null : range,
      });
      if (!reply.ok) return null;
      // The door states the length of what it sends; this answer itself has no body.
      headers.delete("content-length");
      return new Response(null, { status, headers });
    },

    async receivePart({ r2Key, r2UploadId }, { number, size, sha256 }) {
      const reply = await askStore(store, {
        op: "receivePart",
        transfer,
        key: r2Key,
        uploadId: r2UploadId,
        number,
        size,
        sha256,
      });
      if (reply.ok) return { part_number: number, etag: reply.etag ?? "" };
      throw problemOf(reply.failure);
    },

    async receiveObject(key, { size, sha256 }) {
      const reply = await askStore(store, { op: "receiveObject", transfer, key, size, sha256 });
      if (!reply.ok) throw problemOf(reply.failure);
    },

    async sha256(key) {
      const reply = await askStore(store, { op: "sha256", key });
      if (reply.ok) return reply.sha256 ?? null;
      if (reply.failure === "no_such_object") return null;
      throw problemOf(reply.failure);
    },

    // The local store takes one part of any size.
    growingPartSize: (size) => size,

    appendBody({ r2Key, r2UploadId, size }, _request, algorithm) {
      let digest = "";
      return {
        async next(from) {
          const reply = await askStore(store, {
            op: "append",
            transfer,
            key: r2Key,
            uploadId: r2UploadId,
            offset: from.received,
            size,
            algorithm,
          });
          if (!reply.ok) throw problemOf(reply.failure);
          const { received, etag, end, digest: digestSoFar } = AppendedSlice.parse(reply.appended);
          digest = digestSoFar ?? "";
          // The store has the bytes of a body that is too long up to the file's end; they do not count.
          if (end === "too_long") return { growth: from, parts: [], end };
          const parts = received === from.received ? [] : [{ part_number: 1, etag }];
          return { growth: { received, tail: [] }, parts, end };
        },
        async arrives() {
          const reply = await askStore(store, { op: "awaitBody", transfer, algorithm });
          return !reply.ok || reply.hasArrived === true;
        },
        digest: async () => digest,
        close: () => undefined,
      };
    },
  };
}

function problemOf(failure: StoreFailure): ApiError {
  const code = PROBLEM_OF[failure];
  const isOnDisk = code === "storage_full" || code === "storage_unwritable";
  return new ApiError(code, undefined, isOnDisk ? { "retry-after": "30" } : {});
}
