import { type JobComplete, RESULT_FILES, resultContentType, type ServerMessage } from "@splatt/shared";
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs, type ResultRow, results, resultUploads } from "../db/schema.ts";
import { isHeldUnder } from "../jobs/lease-conditions.ts";
import { applyTransition, complete } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { nameWholeFile } from "../uploads/whole-files.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { failAttempt } from "./fail-attempt.ts";
import { applicable, outcomeOfUnapplied, releaseLease, replyFor } from "./job-reports.ts";
import { noteSuccess } from "./note-faults.ts";

/** A file that the agent names as a result. */
type ResultFile = Omit<ResultRow, "jobId" | "contentType">;
/** One that was sent whole has no etag here: its key says what it holds. */
type NamedFile = Omit<ResultFile, "etag"> & Partial<Pick<ResultFile, "etag">>;

/** `job.complete`: all files are uploaded. The job is completed in one batch with its result rows. */
export async function onComplete(
  context: DispatchContext,
  agentId: string,
  message: JobComplete,
): Promise<ServerMessage> {
  const { fence } = message;
  const files = await storedFiles(context, await namedFiles(context, message));
  const wanted = new Set([...RESULT_FILES, ...message.uploads.map(({ filename }) => filename)]);
  const missing = [...wanted].filter((filename) => !files.some((file) => file.filename === filename));
  if (missing.length > 0 && (await isHeldUnder(context.db, fence, agentId))) {
    const failure = { code: "upload_failed", detail: `Not in storage: ${missing.join(", ")}.` } as const;
    return replyFor(message, await failAttempt(context, agentId, message, failure, []));
  }

  const transition = complete({ report: message.report, seq: message.seq, now: context.now() });
  const completion = applyTransition(context.db, transition, applicable(message, agentId)).returning({
    id: jobs.id,
  });
  const completable = and(applicable(message, agentId), inArray(jobs.status, [...transition.from]));
  // The results go first: the trigger that counts what the job used reads them when the status changes.
  const storing = context.db.insert(results).select(resultRows(files, completable)).onConflictDoNothing();
  const receivers = receiversOf(context.db, fence.job_id);
  const [, changed, told] = await withRetry(() => context.db.batch([storing, completion, receivers]));
  context.wakeReceivers(told);
  const outcome = changed.length > 0 ? "applied" : await outcomeOfUnapplied(context, agentId, message);
  if (outcome !== "stale") {
    releaseLease(context, fence, agentId);
    await discardResultUploads(context.db, context.bucket, fence.job_id);
  }
  if (outcome === "applied") {
    log("info", "job completed", { job: fence.job_id, attempt: fence.attempt });
    await noteSuccess(context, agentId);
  }
  return replyFor(message, outcome);
}

/** The files that the message names, as far as they were uploaded and are what it says. */
async function namedFiles({ db }: DispatchContext, { fence, uploads }: JobComplete): Promise<NamedFile[]> {
  const rows = await db
    .select()
    .from(resultUploads)
    .where(and(eq(resultUploads.jobId, fence.job_id), eq(resultUploads.attempt, fence.attempt)));
  const attempt = { id: fence.job_id, attempt: fence.attempt };
  const files = uploads.map(async ({ upload_id, filename, size, sha256 }): Promise<NamedFile | null> => {
    const row = rows.find(({ id }) => id === upload_id);
    if (row === undefined) {
      const { uploadId, r2Key } = await nameWholeFile(attempt, { filename, sha256 });
      return uploadId === upload_id ? { filename, r2Key, size, sha256 } : null;
    }
    if (row.filename !== filename || row.size !== size || row.etag === null) return null;
    return { filename, r2Key: row.r2Key, size, sha256, etag: row.etag };
  });
  return (await Promise.all(files)).filter((file) => file !== null);
}

/** Those of the files that R2 has as they were uploaded. */
async function storedFiles({ bucket }: DispatchContext, files: readonly NamedFile[]): Promise<ResultFile[]> {
  const stored = files.map(async (file) => {
    const head = await bucket.head(file.r2Key);
    const isSame = head?.size === file.size && (file.etag ?? head.etag) === head.etag;
    return isSame ? { ...file, etag: head.etag } : null;
  });
  return (await Promise.all(stored)).filter((file) => file !== null);
}

/** The rows of the files in the order of the table's columns, if the job allows it. */
function resultRows(files: readonly ResultFile[], condition: SQL | undefined): SQL {
  const rows = files.map(({ filename, r2Key, etag, size, sha256 }) => [
    filename,
    r2Key,
    etag,
    size,
    sha256,
    resultContentType(filename),
  ]);
  const column = (index: number) => sql.raw(`json_each.value ->> '$[${index}]'`);
  const columns = sql.join([0, 1, 2, 3, 4, 5].map(column), sql`, `);
  return sql`SELECT ${jobs.id}, ${columns} FROM ${jobs} JOIN json_each(${JSON.stringify(rows)}) WHERE ${condition}`;
}
