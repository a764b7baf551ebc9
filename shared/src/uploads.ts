import { z } from "zod";
import { NewestFirstCursor, NextCursor, Warnings } from "./answer-fields.ts";
import { FileName } from "./file-name.ts";
import { laxNumber } from "./lax-number.ts";
import { dateTime } from "./timestamps.ts";

const MIB = 1024 * 1024;

/**
 * Large files are sent in parts of equal size (the last may be smaller), straight into an R2 multipart upload. R2
 * allows 10,000 parts of 5 MiB to 5 GiB; 32 MiB is within the body limit of every Cloudflare plan.
 */
export const PART_SIZE_BYTES = 32 * MIB;
export const MAX_PARTS = 10_000;
export const MAX_UPLOAD_BYTES = PART_SIZE_BYTES * MAX_PARTS;
/** A result file of at most this size is sent in one request. */
export const MAX_WHOLE_FILE_BYTES = 32 * MIB;

/** The header with the SHA-256 of a part or file, in hex. */
export const SHA256_HEADER = "x-content-sha256";

/** Hex digits of either case, as senders write them; lower case once parsed. */
export const Sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, "64 hex digits")
  .toLowerCase();

export interface PartRange {
  /** From 1. */
  readonly number: number;
  readonly offset: number;
  readonly size: number;
}

/** The parts that a file of `size` bytes is sent in; an empty file has none. */
export function planParts(size: number, partSize: number): PartRange[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
    const offset = index * partSize;
    return { number: index + 1, offset, size: Math.min(partSize, size - offset) };
  });
}

/** The size that part `number` of a file must have, or null when the file has no such part. */
export function expectedPartSize(number: number, size: number, partSize: number): number | null {
  const offset = (number - 1) * partSize;
  if (!Number.isInteger(number) || number < 1 || offset >= size) return null;
  return Math.min(partSize, size - offset);
}

export const UploadedPart = z.object({
  part_number: z.int().min(1).max(MAX_PARTS).describe("The number of the part, from 1."),
  etag: z.string().min(1).max(256).describe("A tag of the part as it was stored."),
});
export type UploadedPart = z.infer<typeof UploadedPart>;

/** How the bytes of an upload arrive: as numbered parts, or appended in order with tus. */
export const UploadProtocol = z.enum(["parts", "tus"]);
export type UploadProtocol = z.infer<typeof UploadProtocol>;

/** POST /uploads: begins the upload of a video. */
export const CreateUpload = z.object({
  filename: FileName.describe("The name of the video, without folders."),
  size: laxNumber(z.int().min(1).max(MAX_UPLOAD_BYTES)).describe("Bytes."),
  sha256: Sha256Hex.nullable().default(null).describe("Of the whole file; verified before a job uses it."),
});
export type CreateUpload = z.infer<typeof CreateUpload>;

export const UPLOAD_STATUSES = ["open", "completed"] as const;

/** An upload in the list. Timestamps have an offset. */
export const UploadSummary = z.object({
  upload_id: z.uuid().describe("The upload's id."),
  status: z.enum(UPLOAD_STATUSES).describe("`open` until the whole file has arrived and was assembled."),
  protocol: UploadProtocol.describe(
    "How the bytes arrive: as numbered parts, or appended in order with tus.",
  ),
  filename: z.string().describe("The name of the video."),
  size: z.int().positive().describe("Bytes of the whole file."),
  sha256: z.string().nullable().describe("What the client announced, in hex; null when it announced none."),
  part_size: z.int().positive().describe("Bytes of each part but the last, which may be smaller."),
  parts: z.int().positive().describe("How many parts the file has."),
  created_at: dateTime().describe("When the upload was announced."),
  expires_at: dateTime().describe("The upload must be complete, and in use, by then."),
});
export type UploadSummary = z.infer<typeof UploadSummary>;

/** A client's upload. Missing are `parts` minus `received_parts`. */
export const UploadView = UploadSummary.extend({
  received_parts: z.array(z.int().positive()).describe("The numbers of the parts that have arrived."),
  received_bytes: z.int().nonnegative().describe("Bytes that have arrived."),
});
export type UploadView = z.infer<typeof UploadView>;

export const ListUploadsQuery = z.object({
  status: z
    .preprocess((value) => (value === "" ? undefined : value), z.enum(UPLOAD_STATUSES).optional())
    .meta({ enum: [...UPLOAD_STATUSES, ""] })
    .describe("Uploads with this status."),
  limit: laxNumber(z.int().min(1).max(1000)).default(100).describe("Uploads on a page."),
  cursor: NewestFirstCursor,
});

export const UploadList = z.object({
  uploads: z.array(UploadSummary).describe("Newest first."),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type UploadList = z.infer<typeof UploadList>;

/** GET /uploads/{id}/parts: what has arrived, to compare with the file before it is continued. */
export const UploadPartList = z.object({
  parts: z
    .array(
      z.object({
        part_number: z.int().positive().describe("The number of the part, from 1."),
        size: z.int().positive().describe("Bytes."),
        sha256: z.string().nullable().describe("As the sender stated it, in hex; null where it stated none."),
      }),
    )
    .describe("The parts that have arrived, by number."),
});
export type UploadPartList = z.infer<typeof UploadPartList>;

/** POST /agent/jobs/{id}/uploads: begins the upload of one result file. */
export const CreateResultUpload = z.object({
  filename: FileName,
  size: z.int().min(1).max(MAX_UPLOAD_BYTES),
});
export type CreateResultUpload = z.infer<typeof CreateResultUpload>;

/** PUT /agent/jobs/{id}/files/{filename}: the whole of a result file that is small enough. */
export const ResultFileStored = z.object({
  /** What `job.complete` names the file by. The same file has the same id. */
  upload_id: z.uuid(),
});
export type ResultFileStored = z.infer<typeof ResultFileStored>;

export const ResultUploadCreated = z.object({
  upload_id: z.uuid(),
  part_size: z.int().positive(),
});
export type ResultUploadCreated = z.infer<typeof ResultUploadCreated>;

/** POST …/complete: the parts that the agent recorded. */
export const CompleteResultUpload = z.object({
  parts: z
    .array(UploadedPart)
    .min(1)
    .max(MAX_PARTS)
    .refine((parts) => new Set(parts.map(({ part_number }) => part_number)).size === parts.length, {
      message: "must name each part once",
    }),
});
export type CompleteResultUpload = z.infer<typeof CompleteResultUpload>;
