import {
  type ActiveStatus,
  type Failure,
  failureSentence,
  type JobReport,
  type JobStatus,
  statusesBefore,
} from "@splatt/shared";
import { and, type SQL, sql } from "drizzle-orm";
import type { SQLiteUpdateSetSource } from "drizzle-orm/sqlite-core";
import type { Database } from "../db/database.ts";
import { hasStatus } from "../db/has-status.ts";
import { jobs } from "../db/schema.ts";

/**
 * A change of a job's status: the statuses from which it may be made, and every column that changes with it. Only the
 * transitions of this file write the status, the lease or the attempt of an existing job.
 */
export interface Transition {
  readonly from: readonly JobStatus[];
  readonly to: JobStatus;
  readonly set: SQLiteUpdateSetSource<typeof jobs>;
}

/**
 * The statement that makes a transition; it changes nothing when the job's status does not allow it.
 *
 * @param where selects the job, and tests who may change it
 */
export function applyTransition(db: Database, { from, to, set }: Transition, where: SQL | undefined) {
  return db
    .update(jobs)
    .set({ ...set, status: to, version: NEXT_VERSION })
    .where(and(where, hasStatus(from)));
}

const NEXT_VERSION = sql`${jobs.version} + 1`;

/** An agent gets a waiting job: a new attempt under a new lease. */
export function claim(lease: {
  readonly attempt: number | SQL;
  readonly leaseId: string | SQL;
  readonly agentId: string | SQL;
  readonly message: string | SQL;
  readonly now: number;
}): Transition {
  const { now, ...columns } = lease;
  return {
    from: ["queued"],
    to: "queued",
    set: {
      ...columns,
      ...LEASED,
      progress: 0,
      lastSeq: 0,
      etaSeconds: null,
      version: NEXT_VERSION,
      updatedAt: now,
      startedAt: sql`coalesce(${jobs.startedAt}, ${now})`,
    },
  };
}

/** An agent that lost its lease, and still has the work, gets the waiting job back under a new lease. */
export function readopt(lease: {
  readonly leaseId: string;
  readonly agentId: string;
  readonly status: ActiveStatus;
  readonly message: string;
  readonly now: number;
}): Transition {
  const { status, now, ...columns } = lease;
  return { from: ["queued"], to: status, set: { ...columns, ...LEASED, updatedAt: now } };
}

/** The agent begins a stage. */
export function advance(stage: {
  readonly status: ActiveStatus;
  readonly progress: number;
  readonly message: string;
  readonly seq: number;
  readonly now: number;
}): Transition {
  return {
    from: statusesBefore(stage.status),
    to: stage.status,
    set: {
      message: stage.message,
      progress: sql`max(${jobs.progress}, ${stage.progress})`,
      etaSeconds: null,
      lastSeq: stage.seq,
      updatedAt: stage.now,
    },
  };
}

/** The results of the attempt are stored. The lease stays, so that a repeated report is recognized. */
export function complete(end: {
  readonly report: JobReport;
  readonly seq: number;
  readonly now: number;
}): Transition {
  return {
    from: statusesBefore("completed"),
    to: "completed",
    set: {
      ...ended(end.now),
      message: "Completed",
      progress: 100,
      report: end.report,
      logTail: null,
      lastSeq: end.seq,
    },
  };
}

/** How an agent says that its attempt failed. */
export interface FailedAttempt {
  readonly failure: Failure;
  /** The job's failed attempts, with this one. */
  readonly failures: number;
  readonly logTail: readonly string[];
  readonly report: JobReport;
  readonly seq: number;
  readonly now: number;
}

/** The attempt failed, and the job with it. The lease stays, so that a repeated report is recognized. */
export function fail(attempt: FailedAttempt): Transition {
  return {
    from: statusesBefore("failed"),
    to: "failed",
    set: { ...ended(attempt.now), ...failureColumns(attempt), message: "Failed" },
  };
}

/** The attempt failed, and the job waits for another one. */
export function requeueFailed(
  attempt: FailedAttempt,
  next: { readonly agentId: string; readonly nextAttemptAt: number; readonly maxFailures: number },
): Transition {
  const { failure, failures, now } = attempt;
  return {
    from: statusesBefore("queued"),
    to: "queued",
    set: {
      ...released(now),
      ...failureColumns(attempt),
      lastAgentId: next.agentId,
      nextAttemptAt: next.nextAttemptAt,
      message: `Waiting for a retry (failure ${failures} of ${next.maxFailures}): ${failureSentence(failure)}`,
    },
  };
}

/** The lease was lost, and the job waits for another agent, or for this one to come back. */
export function requeueLost(loss: {
  readonly leaseId: string;
  readonly agentId: string;
  readonly nextAttemptAt: number;
  readonly why: string;
  readonly now: number;
}): Transition {
  return {
    from: statusesBefore("queued"),
    to: "queued",
    set: {
      ...released(loss.now),
      lostLeaseId: loss.leaseId,
      lastAgentId: loss.agentId,
      lostLeases: ONE_MORE_LOSS,
      nextAttemptAt: loss.nextAttemptAt,
      message: `Waiting for a retry: ${loss.why}`,
    },
  };
}

/** The agent handed the job back: nothing is counted. */
export function requeueReturned(end: {
  readonly agentId: string;
  readonly message: string;
  readonly seq: number;
  readonly now: number;
}): Transition {
  return {
    from: statusesBefore("queued"),
    to: "queued",
    set: {
      ...released(end.now),
      lastAgentId: end.agentId,
      nextAttemptAt: requeueAt(end.now),
      message: end.message,
      lastSeq: end.seq,
    },
  };
}

/** The agent did not accept the assignment. Where it has begun after all, nothing changes. */
export function requeueUnaccepted(end: {
  readonly leaseId: string;
  readonly message: string;
  readonly now: number;
}): Transition {
  return {
    from: ["queued"],
    to: "queued",
    set: {
      ...released(end.now),
      lostLeaseId: end.leaseId,
      nextAttemptAt: requeueAt(end.now),
      message: end.message,
    },
  };
}

/**
 * The job lost its agent too often, or found no other for too long.
 *
 * @param detail why, in a sentence
 * @param countsLoss whether a lease was lost just now
 */
export function giveUp(end: {
  readonly detail: string;
  readonly countsLoss: boolean;
  readonly now: number;
}): Transition {
  return {
    from: statusesBefore("failed"),
    to: "failed",
    set: {
      ...ended(end.now),
      leaseId: null,
      errorCode: "agent_lost",
      errorDetail: end.detail,
      message: "Failed",
      ...(end.countsLoss ? { lostLeases: ONE_MORE_LOSS } : {}),
    },
  };
}

/** The user cancels. Without the lease, nothing that the agent still sends counts. */
export function cancel(now: number): Transition {
  return {
    from: statusesBefore("cancelled"),
    to: "cancelled",
    set: {
      ...ended(now),
      leaseId: null,
      lastAgentId: sql`coalesce(${jobs.agentId}, ${jobs.lastAgentId})`,
      message: "Cancelled",
    },
  };
}

const ONE_MORE_LOSS = sql`${jobs.lostLeases} + 1`;

/** A job that an agent holds waits for nothing, and an earlier attempt's failure no longer counts. */
const LEASED = { lostLeaseId: null, nextAttemptAt: null, errorCode: null, errorDetail: null } as const;

/** A job that waits belongs to no agent. */
function released(now: number) {
  return { leaseId: null, agentId: null, lostLeaseId: null, etaSeconds: null, updatedAt: now } as const;
}

/** A job that has ended waits for nothing, and no agent can take it up again. */
function ended(now: number) {
  return { lostLeaseId: null, nextAttemptAt: null, etaSeconds: null, endedAt: now, updatedAt: now } as const;
}

function failureColumns({ failure, failures, logTail, report, seq }: FailedAttempt) {
  return {
    failures,
    errorCode: failure.code,
    errorDetail: failure.detail,
    logTail: [...logTail],
    report,
    lastSeq: seq,
  };
}

/** When a returned job may be assigned: at once. A job that lost an agent before restarts its wait for another. */
function requeueAt(now: number): SQL {
  return sql`iif(${jobs.lostLeases} > 0, ${now}, NULL)`;
}
