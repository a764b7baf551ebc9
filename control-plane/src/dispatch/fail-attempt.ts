import {
  type Failure,
  isHostFailure,
  isRetryable,
  type JobComplete,
  type JobFail,
  type ServerMessage,
} from "@splatt/shared";
import { sql } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { sha256Hex } from "../http/credentials.ts";
import { heldUnder } from "../jobs/lease-conditions.ts";
import { type FailedAttempt, fail, requeueFailed } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { coolDown, retryTime } from "./backoff.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { applyReport, type ReportOutcome, releaseLease, replyFor } from "./job-reports.ts";
import { noteFailure } from "./note-faults.ts";

/** `job.fail`: the attempt failed. The job is retried if its failure allows it, else it has failed. */
export async function onFail(
  context: DispatchContext,
  agentId: string,
  message: JobFail,
): Promise<ServerMessage> {
  return replyFor(message, await failAttempt(context, agentId, message, message, message.log_tail));
}

export async function failAttempt(
  context: DispatchContext,
  agentId: string,
  message: JobFail | JobComplete,
  { code, detail }: Failure,
  logTail: readonly string[],
): Promise<ReportOutcome> {
  const { fence, seq, report } = message;
  const { maxFailures } = context.timing;
  const [job] = await context.db
    .select({
      failures: jobs.failures,
      input: sql<string>`coalesce(${jobs.sourceUrl}, ${jobs.uploadId}, ${jobs.uploadIds})`,
    })
    .from(jobs)
    .where(heldUnder(fence, agentId));
  const failures = (job?.failures ?? 0) + 1;
  const input = await sha256Hex(job?.input ?? fence.job_id);
  const attempt: FailedAttempt = {
    failure: { code, detail },
    failures,
    logTail,
    report,
    seq,
    now: context.now(),
  };
  const isRetried = isRetryable(code) && failures < maxFailures;
  const nextAttemptAt = retryTime(context, failures);
  const transition = isRetried
    ? requeueFailed(attempt, { agentId, nextAttemptAt, maxFailures })
    : fail(attempt);
  const outcome = await applyReport(context, agentId, message, transition);
  if (outcome === "applied") {
    log("warn", "job failed", { job: fence.job_id, attempt: fence.attempt, code, retried: isRetried });
    if (isRetried) context.alarm.remember(nextAttemptAt);
    if (isHostFailure(code)) coolDown(context, agentId);
    if (!isRetried) await discardResultUploads(context.db, context.bucket, fence.job_id);
  }
  if (outcome !== "stale") releaseLease(context, fence, agentId);
  if (outcome === "applied") {
    await noteFailure(context, agentId, { jobId: fence.job_id, input, code, at: attempt.now });
  }
  return outcome;
}
