import { UploadView } from "@splatt/shared";
import { z } from "zod";
import type { Operation } from "../../contract/operation.ts";
import { APPEND_CONTENT_TYPE } from "./tus-headers.ts";

const Offset = z.string().regex(/^\d+$/).describe("The number of bytes.");
const Version = z.literal("1.0.0").describe("The version of tus.");
const Checksum = z.string().describe("`sha256` or `sha1`, a space, and the digest of this body in base64.");

const CREATE_HEADERS = z.object({
  "tus-resumable": Version,
  "upload-length": Offset.describe("The size of the file in bytes.").meta({ examples: ["1024"] }),
  "upload-metadata": z
    .string()
    .optional()
    .describe(
      "Pairs of a key and a base64 value: `filename`, and optionally the `sha256` of the file in hex.",
    )
    .meta({ examples: ["filename dmlkZW8ubXA0"] }),
  "upload-checksum": Checksum.optional(),
});
const PATCH_HEADERS = z.object({
  "tus-resumable": Version,
  "upload-offset": Offset.describe("Where the body continues: the number of bytes that are stored.").meta({
    examples: ["0"],
  }),
  "upload-checksum": Checksum.optional(),
});
const ANY_HEADERS = z.object({ "tus-resumable": Version });

const STATE_HEADERS = {
  "tus-resumable": "The version of tus",
  "upload-offset": "The number of bytes that are stored",
  "upload-expires": "When the upload is deleted, unless a job uses it",
};

const NO_BODY = { description: "The answer is in the headers", content: [] };

const OFFER_HEADERS = {
  "tus-version": "The versions of tus that are supported",
  "tus-extension": "The extensions of tus that are supported",
  "tus-max-size": "The size of the largest file in bytes",
  "tus-checksum-algorithm": "What `Upload-Checksum` may name",
};

export const TUS_OPTIONS: Operation = {
  id: "tusOptions",
  method: "options",
  path: "/uploads/tus",
  tag: "Uploads",
  summary: "What this server supports of tus",
  scope: null,
  answers: { 204: NO_BODY },
  answerHeaders: OFFER_HEADERS,
  problems: [],
};

export const TUS_UPLOAD_OPTIONS: Operation = {
  ...TUS_OPTIONS,
  id: "tusUploadOptions",
  path: "/uploads/tus/{id}",
};

export const CREATE_TUS_UPLOAD: Operation = {
  id: "createTusUpload",
  method: "post",
  path: "/uploads/tus",
  tag: "Uploads",
  summary: "Announce a video that will be sent with tus; its first bytes may come along",
  scope: "jobs:write",
  headers: CREATE_HEADERS,
  rawBody: APPEND_CONTENT_TYPE,
  bodyOptional: true,
  answers: { 201: NO_BODY },
  answerHeaders: { ...STATE_HEADERS, location: "The upload's path, which ends with its `upload_id`" },
  problems: [
    "quota_exceeded",
    "tus_version_unsupported",
    "tus_request_invalid",
    "tus_checksum_mismatch",
    "upload_checksum_mismatch",
    "too_large",
    "body_incomplete",
    "request_timeout",
  ],
};

export const GET_TUS_UPLOAD: Operation = {
  id: "getTusUpload",
  method: "get",
  path: "/uploads/tus/{id}",
  tag: "Uploads",
  summary: "The offset at which a tus upload continues; clients ask with HEAD",
  scope: "jobs:read",
  headers: ANY_HEADERS,
  answers: { 200: UploadView },
  answerHeaders: { ...STATE_HEADERS, "upload-length": "The size of the file in bytes" },
  problems: ["tus_version_unsupported", "upload_not_found"],
};

export const PATCH_TUS_UPLOAD: Operation = {
  id: "patchTusUpload",
  method: "patch",
  path: "/uploads/tus/{id}",
  tag: "Uploads",
  summary: "Append bytes to a tus upload",
  scope: "jobs:write",
  headers: PATCH_HEADERS,
  rawBody: APPEND_CONTENT_TYPE,
  answers: { 204: NO_BODY },
  answerHeaders: STATE_HEADERS,
  problems: [
    "tus_version_unsupported",
    "tus_request_invalid",
    "unsupported_media_type",
    "upload_not_found",
    "upload_offset_mismatch",
    "upload_locked",
    "upload_checksum_mismatch",
    "tus_checksum_mismatch",
    "too_large",
    "body_incomplete",
    "request_timeout",
  ],
};

export const DELETE_TUS_UPLOAD: Operation = {
  id: "deleteTusUpload",
  method: "delete",
  path: "/uploads/tus/{id}",
  tag: "Uploads",
  summary: "Delete a tus upload that no job uses",
  scope: "jobs:write",
  headers: ANY_HEADERS,
  answers: { 204: NO_BODY },
  problems: ["tus_version_unsupported", "upload_not_found", "upload_in_use"],
};
