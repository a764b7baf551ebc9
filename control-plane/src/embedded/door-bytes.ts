import { ApiError } from "../http/problem.ts";
import type { ObjectBytes } from "../storage/object-bytes.ts";
import { askStore } from "./local-bucket.ts";
import type { StoreFailure } from "./store-protocol.ts";

const PROBLEM_OF = {
  no_such_object: "not_found",
  no_such_upload: "upload_not_found",
  invalid_part: "upload_incomplete",
  checksum_mismatch: "part_checksum_mismatch",
  body_incomplete: "body_incomplete",
  body_too_slow: "request_timeout",
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
      const code = PROBLEM_OF[reply.failure];
      const isOnDisk = code === "storage_full" || code === "storage_unwritable";
      throw new ApiError(code, undefined, isOnDisk ? { "retry-after": "30" } : {});
    },
  };
}
