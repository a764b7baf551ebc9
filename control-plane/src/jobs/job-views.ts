import {
  FAILURES,
  type FailureCode,
  failureSentence,
  isActive,
  type JobEvent,
  JobOptions,
  type JobStatusView,
  type JobView,
  naiveUtc,
  offsetUtc,
  type ResultEntry,
} from "@splatt/shared";
import type { JobEventRow, JobRow, ResultRow } from "../db/schema.ts";
import type { FileDates } from "./file-dates.ts";

/** The seed's status object. */
export function toStatusView(job: JobRow, files: readonly ResultRow[]): JobStatusView {
  const code = job.status === "failed" ? job.errorCode : null;
  return {
    job_id: job.id,
    task_id: job.taskId,
    status: job.status,
    progress: job.progress,
    message: job.message,
    error: code === null ? null : failureSentence({ code, detail: job.errorDetail ?? "" }),
    error_code: code,
    error_hint: code === null ? null : hintFor(code, job),
    created_at: naiveUtc(job.createdAt),
    updated_at: naiveUtc(job.updatedAt),
    labels: job.labels ?? {},
    results: job.status === "completed" ? toResults(files) : null,
    version: job.version,
  };
}

/** What to do about a failure. A job whose video is gone cannot be run again. */
function hintFor(code: FailureCode, { inputPurgedAt }: JobRow): string {
  const { hint } = FAILURES[code];
  return inputPurgedAt === null ? hint : `${hint} The job's video has been removed, so it needs a new job.`;
}

/** For jobs created before an option existed. */
const DEFAULT_OPTIONS = JobOptions.parse({});

/** The API's full view of a job. */
export function toJobView(job: JobRow, files: readonly ResultRow[], dates: FileDates, now: number): JobView {
  return {
    ...toStatusView(job, files),
    created_at: offsetUtc(job.createdAt),
    updated_at: offsetUtc(job.updatedAt),
    filename: job.filename,
    source: {
      kind: job.uploadIds !== null ? "uploads" : job.uploadId === null ? "url" : "upload",
      url: job.sourceUrl,
      upload_id: job.uploadId,
      upload_ids: job.uploadIds === null ? null : [...job.uploadIds],
    },
    options: { ...DEFAULT_OPTIONS, ...job.options },
    pool: job.pool,
    priority: job.priority,
    retry_of: job.retryOf,
    attempt: job.attempt,
    failures: job.failures,
    lost_leases: job.lostLeases,
    agent_id: job.agentId,
    next_attempt_at: offsetOrNull(job.nextAttemptAt),
    eta_seconds: etaNow(job, now),
    started_at: offsetOrNull(job.startedAt),
    ended_at: offsetOrNull(job.endedAt),
    report: job.report,
    log_tail: job.logTail,
    pinned: job.pinned,
    input_expires_at: offsetOrNull(dates.inputExpiresAt),
    input_purged_at: offsetOrNull(job.inputPurgedAt),
    results_expire_at: offsetOrNull(dates.resultsExpireAt),
    results_purged_at: offsetOrNull(job.resultsPurgedAt),
  };
}

export function toJobEvent(event: JobEventRow): JobEvent {
  return {
    number: event.number,
    at: offsetUtc(event.at),
    status: event.status,
    attempt: event.attempt,
    agent_id: event.agentId,
    message: event.message,
    error_code: event.errorCode,
  };
}

function toResults(files: readonly ResultRow[]): Record<string, ResultEntry> {
  return Object.fromEntries(
    files.map((file) => [
      file.filename,
      {
        url: `/jobs/${file.jobId}/results/${encodeURIComponent(file.filename)}`,
        size: file.size,
        sha256: file.sha256,
        content_type: file.contentType,
      },
    ]),
  );
}

/** The estimate dates from the last write of the row: the time since then has passed. */
function etaNow(job: JobRow, now: number): number | null {
  if (!isActive(job.status) || job.etaSeconds === null) return null;
  return Math.max(0, Math.round(job.etaSeconds - (now - job.updatedAt) / 1000));
}

function offsetOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : offsetUtc(epochMs);
}
