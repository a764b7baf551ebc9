import { type JobComplete, RESULT_FILES, resultContentType, type ServerMessage } from "@splatt/shared";
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs, type ResultUploadRow, results, resultUploads } from "../db/schema.ts";
import { isHeldUnder } from "../jobs/lease-conditions.ts";
import { applyTransition, complete } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { failAttempt } from "./fail-attempt.ts";
import { applicable, outcomeOfUnapplied, releaseLease, replyFor } from "./job-reports.ts";

/** An upload that the agent names as a result, with the etag that R2 gave it and the hash that the agent claims. */
type ResultFile = ResultUploadRow & { readonly etag: string; readonly sha256: string };

/** `job.complete`: all files are uploaded. The job is completed in one batch with its result rows. */
export async function onComplete(
  context: DispatchContext,
  agentId: string,
  message: JobComplete,
): Promise<ServerMessage> {
  const { fence } = message;
  const files = await uploadedFiles(context, message);
  const missing = await missingFiles(context, message, files);
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
  if (outcome === "applied") log("info", "job completed", { job: fence.job_id, attempt: fence.attempt });
  return replyFor(message, outcome);
}

/** The uploads that the message names, as far as they are complete and are what it says. */
async function uploadedFiles(context: DispatchContext, message: JobComplete): Promise<ResultFile[]> {
  const { fence, uploads } = message;
  const rows = await context.db
    .select()
    .from(resultUploads)
    .where(and(eq(resultUploads.jobId, fence.job_id), eq(resultUploads.attempt, fence.attempt)));
  return uploads.flatMap((claimed) => {
    const row = rows.find(({ id }) => id === claimed.upload_id);
    const matches = row !== undefined && row.filename === claimed.filename && row.size === claimed.size;
    return matches && row.etag !== null ? [{ ...row, etag: row.etag, sha256: claimed.sha256 }] : [];
  });
}

/** The result files that R2 does not have as they were uploaded. */
async function missingFiles(
  context: DispatchContext,
  message: JobComplete,
  files: readonly ResultFile[],
): Promise<string[]> {
  const wanted = new Set([...RESULT_FILES, ...message.uploads.map(({ filename }) => filename)]);
  const stored = await Promise.all(
    files.map(async (file) => {
      const head = await context.bucket.head(file.r2Key);
      return head !== null && head.size === file.size && head.etag === file.etag ? file.filename : null;
    }),
  );
  return [...wanted].filter((filename) => !stored.includes(filename));
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
