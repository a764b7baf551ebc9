import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import {
  type CompletedUpload,
  type Failure,
  type Fence,
  ok,
  type PartRange,
  planParts,
  type Result,
  ResultFileStored,
  ResultUploadCreated,
  SHA256_HEADER,
  UploadedPart,
} from "@splatt/shared";
import PQueue from "p-queue";
import { z } from "zod";
import type { ControlPlaneClient, RequestFailure } from "../control-plane-client.ts";
import { sha256OfFile } from "../files/sha256-of-file.ts";
import type { PipelineJob } from "./pipeline-job.ts";
import type { Stage } from "./stage.ts";
import type { UploadRecord } from "./upload-record.ts";

export interface UploadContext {
  readonly client: ControlPlaneClient;
  /** The job's fence now: a re-adoption gives it another lease in the middle of an upload. */
  readonly fence: () => Fence;
  readonly signal: AbortSignal;
  /** The recorded state of a file's upload, for resuming it after a crash. */
  readonly recorded: (filename: string) => UploadRecord | undefined;
  readonly record: (filename: string, upload: UploadRecord) => Promise<void>;
  readonly report: (progress: { readonly fraction: number; readonly message: string }) => void;
}

/**
 * Uploads a job's result files, recording the progress in its job.json. Uploads belong to an attempt, so the stage is
 * never reused by another attempt or job.
 */
export function createUploadStage(
  client: ControlPlaneClient,
  job: Pick<PipelineJob, "fence" | "upload" | "recordUpload">,
): Stage<readonly string[], CompletedUpload[]> {
  return {
    name: "upload",
    token: "network",
    key: (paths) => [job.fence.job_id, job.fence.attempt, paths.map((path) => basename(path))],
    run: (paths, { signal, report }) =>
      uploadFiles(paths, {
        client,
        signal,
        report,
        fence: () => job.fence,
        recorded: (filename) => job.upload(filename),
        record: (filename, upload) => job.recordUpload(filename, upload),
      }),
  };
}

/** How many parts are in flight; each is held in memory. */
const CONCURRENT_PARTS = 3;

const Completed = z.object({ etag: z.string() });

/** Uploads files in parts, several at a time. Resumes uploads that were recorded earlier. */
export async function uploadFiles(
  paths: readonly string[],
  context: UploadContext,
): Promise<Result<CompletedUpload[], Failure>> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let sent = 0;
  const onSent = (bytes: number) => {
    sent += bytes;
    context.report({
      fraction: sent / total,
      message: `Uploading results... ${megabytes(sent)} of ${megabytes(total)}`,
    });
  };
  const uploads: CompletedUpload[] = [];
  for (const path of paths) {
    const upload = await uploadFile(path, context, onSent);
    if (!upload.ok) return upload;
    uploads.push(upload.value);
  }
  return ok(uploads);
}

async function uploadFile(
  path: string,
  context: UploadContext,
  onSent: (bytes: number) => void,
): Promise<Result<CompletedUpload, Failure>> {
  const filename = basename(path);
  const { size } = await stat(path);
  const sha256 = await sha256OfFile(path);
  const recorded = context.recorded(filename);
  let upload = recorded?.sha256 === sha256 && recorded.size === size ? recorded : null;
  if (upload === null && size <= context.client.maxWholeFileBytes) {
    const whole = await sendWhole(path, { size, sha256 }, context);
    if (whole.ok) onSent(size);
    if (whole.ok || !TAKES_PARTS_ONLY.has(whole.error.problem ?? "")) return whole;
  }
  for (let restarts = 0; ; restarts += 1) {
    if (upload === null) {
      const created = await createUpload(filename, { size, sha256 }, context);
      if (!created.ok) return created;
      upload = created.value;
    }
    let counted = 0;
    const sent = await sendFile(path, upload, context, (bytes) => {
      counted += bytes;
      onSent(bytes);
    });
    if (sent.ok) return ok({ filename, upload_id: upload.upload_id, size, sha256 });
    if (!UPLOAD_IS_LOST.has(sent.error.problem ?? "") || restarts === MAX_RESTARTS) return sent;
    onSent(-counted);
    upload = null;
  }
}

/** Sends a small file in one request. It is safe to repeat, so only its end is recorded. */
async function sendWhole(
  path: string,
  { size, sha256 }: Pick<UploadRecord, "size" | "sha256">,
  context: UploadContext,
): Promise<Result<CompletedUpload, RequestFailure>> {
  const filename = basename(path);
  const bytes = await readRange(path, { offset: 0, size });
  const url = `/agent/jobs/${context.fence().job_id}/files/${encodeURIComponent(filename)}`;
  const stored = await context.client.call("PUT", url, bytes, ResultFileStored, {
    ...context,
    headers: { [SHA256_HEADER]: sha256, "content-type": "application/octet-stream" },
  });
  if (!stored.ok) return stored;
  const { upload_id } = stored.value;
  await context.record(filename, { upload_id, part_size: size, size, sha256, parts: [], completed: true });
  return ok({ filename, upload_id, size, sha256 });
}

/** How a control plane refuses a whole file that was set back to an older version since its welcome. */
const TAKES_PARTS_ONLY: ReadonlySet<string> = new Set(["not_found", "method_not_allowed"]);

const MAX_RESTARTS = 3;

/**
 * Problems that a new upload solves: storage has lost the upload, or its parts are not those recorded. A part that was
 * abandoned and sent again may still arrive late and replace the newer one.
 */
const UPLOAD_IS_LOST: ReadonlySet<string> = new Set(["upload_not_found", "upload_incomplete"]);

/** Sends the parts that storage lacks, then completes the upload. */
async function sendFile(
  path: string,
  begun: UploadRecord,
  context: UploadContext,
  onSent: (bytes: number) => void,
): Promise<Result<void, RequestFailure>> {
  if (begun.completed) {
    onSent(begun.size);
    return ok(undefined);
  }
  const filename = basename(path);
  const base = `${uploadsPath(context)}/${begun.upload_id}`;
  let upload = begun;
  const missing = planParts(upload.size, upload.part_size).filter((part) => {
    const done = upload.parts.some(({ part_number }) => part_number === part.number);
    if (done) onSent(part.size);
    return !done;
  });
  const queue = new PQueue({ concurrency: CONCURRENT_PARTS });
  const sending = queue.addAll(
    missing.map((part) => async () => {
      const sent = await sendPart(path, part, base, context);
      if (!sent.ok) return sent;
      upload = { ...upload, parts: [...upload.parts, sent.value] };
      await context.record(filename, upload);
      onSent(part.size);
      return sent;
    }),
  );
  // After an exception too, no part is left that is sent and recorded when another attempt has the job.
  const outcomes = await sending.finally(() => {
    queue.clear();
    return queue.onIdle();
  });
  for (const outcome of outcomes) if (!outcome.ok) return outcome;
  const whole = { parts: upload.parts };
  const completed = await context.client.call("POST", `${base}/complete`, whole, Completed, context);
  if (!completed.ok) return completed;
  await context.record(filename, { ...upload, completed: true });
  return ok(undefined);
}

async function createUpload(
  filename: string,
  { size, sha256 }: Pick<UploadRecord, "size" | "sha256">,
  context: UploadContext,
): Promise<Result<UploadRecord, Failure>> {
  const created = await context.client.call(
    "POST",
    uploadsPath(context),
    { filename, size },
    ResultUploadCreated,
    context,
  );
  if (!created.ok) return created;
  const upload = { ...created.value, size, sha256, parts: [], completed: false };
  await context.record(filename, upload);
  return ok(upload);
}

async function sendPart(
  path: string,
  part: PartRange,
  base: string,
  context: UploadContext,
): Promise<Result<UploadedPart, RequestFailure>> {
  const bytes = await readRange(path, part);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return context.client.call("PUT", `${base}/parts/${part.number}`, bytes, UploadedPart, {
    ...context,
    headers: { [SHA256_HEADER]: sha256, "content-type": "application/octet-stream" },
  });
}

function uploadsPath({ fence }: UploadContext): string {
  return `/agent/jobs/${fence().job_id}/uploads`;
}

async function readRange(path: string, { offset, size }: Omit<PartRange, "number">): Promise<Buffer> {
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(size);
    await file.read(bytes, 0, size, offset);
    return bytes;
  } finally {
    await file.close();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
