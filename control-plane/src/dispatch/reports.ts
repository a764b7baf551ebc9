import {
  type AckedMessage,
  type Failure,
  type Fence,
  failureSentence,
  isHostFailure,
  isRetryable,
  type JobComplete,
  type JobFail,
  type JobRecalled,
  type JobReturned,
  type JobStage,
  type JobStatus,
  RESULT_FILES,
  resultContentType,
  type ServerMessage,
  statusesBefore,
} from "@splatt/shared";
import { and, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobs, results, resultUploads } from "../db/schema.ts";
import { heldUnder, isHeldUnder } from "../jobs/conditions.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../maintenance/purge.ts";
import type { Hub } from "./hub.ts";
import { rest, retryTime, waitsAgain } from "./leases.ts";

/** How a conditional change of a job ended. `stale`: the sender no longer holds the job. */
type Applied = "applied" | "repeated" | "stale";

/** A stage began. */
export async function onStage(hub: Hub, agentId: string, message: JobStage): Promise<ServerMessage> {
  const applied = await changeOnce(hub, agentId, message, message.status, {
    status: message.status,
    message: message.message,
    progress: sql`max(${jobs.progress}, ${message.progress})`,
    etaSeconds: null,
  });
  if (applied === "applied") {
    hub.writtenProgress.set(message.fence.job_id, { progress: message.progress, at: hub.now() });
  }
  return answer(message, applied);
}

/** All files are uploaded and the job is done: it becomes `completed` together with its result rows. */
export async function onComplete(hub: Hub, agentId: string, message: JobComplete): Promise<ServerMessage> {
  const { fence, uploads } = message;
  const rows = await hub.db
    .select()
    .from(resultUploads)
    .where(and(eq(resultUploads.jobId, fence.job_id), eq(resultUploads.attempt, fence.attempt)));
  const winners = uploads.flatMap((claimed) => {
    const row = rows.find(({ id }) => id === claimed.upload_id);
    const matches = row !== undefined && row.filename === claimed.filename && row.size === claimed.size;
    return matches && row.etag !== null ? [{ ...row, etag: row.etag, sha256: claimed.sha256 }] : [];
  });
  const missing = await missingFiles(hub, message, winners);
  if (missing.length > 0 && (await isHeldUnder(hub.db, fence, agentId))) {
    const failed = { code: "upload_failed", detail: `Not in storage: ${missing.join(", ")}.` } as const;
    return answer(message, await fail(hub, agentId, message, failed, []));
  }

  const now = hub.now();
  const completed = and(heldUnder(fence, agentId), eq(jobs.status, "completed"));
  const complete = hub.db
    .update(jobs)
    .set({
      status: "completed",
      progress: 100,
      message: "Completed",
      report: message.report,
      etaSeconds: null,
      lastSeq: message.seq,
      updatedAt: now,
      endedAt: now,
    })
    .where(once(message, agentId, "completed"))
    .returning({ id: jobs.id });
  const inserts = winners.map((file) =>
    hub.db
      .insert(results)
      .select(
        hub.db
          .select({
            jobId: sql<string>`${file.jobId}`.as("job_id"),
            filename: sql<string>`${file.filename}`.as("filename"),
            r2Key: sql<string>`${file.r2Key}`.as("r2_key"),
            etag: sql<string>`${file.etag}`.as("etag"),
            size: sql<number>`${file.size}`.as("size"),
            sha256: sql<string>`${file.sha256}`.as("sha256"),
            contentType: sql<string>`${resultContentType(file.filename)}`.as("content_type"),
          })
          .from(jobs)
          .where(completed),
      )
      .onConflictDoNothing(),
  );
  const [changed] = await withRetry(() => hub.db.batch([complete, ...inserts]));
  const applied = changed.length > 0 ? "applied" : await readBack(hub, agentId, message);
  if (applied !== "stale") {
    ended(hub, fence);
    await discardResultUploads(hub.db, hub.bucket, fence.job_id);
  }
  if (applied === "applied") log("info", "job completed", { job: fence.job_id, attempt: fence.attempt });
  return answer(message, applied);
}

/** The attempt failed: the job is tried again if its code allows it, else it has failed. */
export async function onFail(hub: Hub, agentId: string, message: JobFail): Promise<ServerMessage> {
  return answer(message, await fail(hub, agentId, message, message, message.log_tail, message.report));
}

async function fail(
  hub: Hub,
  agentId: string,
  message: JobFail | JobComplete,
  failure: Failure,
  logTail: readonly string[],
  report = message.report,
): Promise<Applied> {
  const { fence } = message;
  const now = hub.now();
  const [job] = await hub.db.select({ failures: jobs.failures }).from(jobs).where(heldUnder(fence, agentId));
  const failures = (job?.failures ?? 0) + 1;
  const again = isRetryable(failure.code) && failures < hub.timing.maxFailures;
  const nextAttemptAt = again ? retryTime(hub, failures) : null;
  const counted = {
    failures,
    errorCode: failure.code,
    errorDetail: failure.detail,
    logTail: [...logTail],
    report,
  };
  const applied = await changeOnce(
    hub,
    agentId,
    message,
    again ? "queued" : "failed",
    again
      ? {
          ...counted,
          status: "queued",
          leaseId: null,
          agentId: null,
          lastAgentId: agentId,
          nextAttemptAt,
          message: `Waiting to be tried again (${failures} of ${hub.timing.maxFailures}): ${failureSentence(failure)}`,
        }
      : { ...counted, status: "failed", endedAt: now, message: "Failed" },
  );
  if (applied === "applied") {
    log("warn", "job failed", { job: fence.job_id, attempt: fence.attempt, code: failure.code, again });
    if (nextAttemptAt !== null) hub.alarm.remember(nextAttemptAt);
    const socket = hub.sockets.of(agentId);
    if (isHostFailure(failure.code) && socket !== null) rest(hub, socket);
    if (!again) await discardResultUploads(hub.db, hub.bucket, fence.job_id);
  }
  if (applied !== "stale") ended(hub, fence);
  return applied;
}

/**
 * The agent hands the job back, because it stops or because the job was called back before it began. The job waits
 * for another agent, and nothing is counted against it.
 */
export async function onReturned(
  hub: Hub,
  agentId: string,
  message: JobReturned | JobRecalled,
): Promise<ServerMessage> {
  const why = message.type === "job.returned" ? message.reason : "Another agent fell idle.";
  const applied = await changeOnce(hub, agentId, message, "queued", {
    status: "queued",
    leaseId: null,
    agentId: null,
    lastAgentId: agentId,
    nextAttemptAt: waitsAgain(hub),
    message: `Waiting: handed back by its agent. ${why}`,
  });
  if (applied === "applied") log("info", "job handed back", { job: message.fence.job_id });
  ended(hub, message.fence);
  return { type: "ack", fence: message.fence, seq: message.seq };
}

function ended(hub: Hub, fence: Fence): void {
  const lease = hub.leases.get(fence.job_id);
  if (lease !== null && lease.leaseId === fence.lease_id) hub.leases.remove(lease);
  hub.writtenProgress.delete(fence.job_id);
}

/** Applies an acked message at most once: the fence and the status are tested, and a stage's number too. */
async function changeOnce(
  hub: Hub,
  agentId: string,
  message: AckedMessage,
  to: JobStatus,
  change: Parameters<ReturnType<Hub["db"]["update"]>["set"]>[0],
): Promise<Applied> {
  const rows = await withRetry(() =>
    hub.db
      .update(jobs)
      .set({ etaSeconds: null, ...change, lastSeq: message.seq, updatedAt: hub.now() })
      .where(once(message, agentId, to))
      .returning({ id: jobs.id }),
  );
  return rows.length > 0 ? "applied" : readBack(hub, agentId, message);
}

/**
 * A message that ends the attempt takes the lease or the status away that it needs, and so cannot count twice. Its
 * number is not tested: an agent whose disk lost the latest of its record may use one again.
 */
function once(message: AckedMessage, agentId: string, to: JobStatus): SQL | undefined {
  return and(
    heldUnder(message.fence, agentId),
    inArray(jobs.status, statusesBefore(to)),
    message.type === "job.stage" ? lt(jobs.lastSeq, message.seq) : undefined,
  );
}

/** Nothing was changed: was it done before, or is the sender's lease gone? */
async function readBack(hub: Hub, agentId: string, message: AckedMessage): Promise<Applied> {
  return (await isHeldUnder(hub.db, message.fence, agentId)) ? "repeated" : "stale";
}

function answer({ fence, seq }: AckedMessage, applied: Applied): ServerMessage {
  return applied === "stale"
    ? { type: "job.abandon", fence, reason: "the job is no longer yours" }
    : { type: "ack", fence, seq };
}

async function missingFiles(
  hub: Hub,
  message: JobComplete,
  winners: readonly { filename: string; r2Key: string; size: number; etag: string }[],
): Promise<string[]> {
  const wanted = new Set([...RESULT_FILES, ...message.uploads.map(({ filename }) => filename)]);
  const stored = await Promise.all(
    winners.map(async (file) => {
      const head = await hub.bucket.head(file.r2Key);
      return head !== null && head.size === file.size && head.etag === file.etag ? file.filename : null;
    }),
  );
  return [...wanted].filter((filename) => !stored.includes(filename));
}
