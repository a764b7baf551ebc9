import { canTransition, isActive, isTerminal, JOB_STATUSES } from "@splatt/shared";
import type { Observation, ObservedJob } from "./observation.ts";

/** A sentence that describes the violation, or null. */
export type Finding = string | null;

/** What must hold from one observation to the next. */
export type JobInvariant = (before: Observation, now: Observation) => Finding;

/** Checks the change of each job that exists in both observations. */
export function eachChange(
  { jobs: before }: Observation,
  { jobs: now }: Observation,
  check: (was: ObservedJob, is: ObservedJob) => Finding,
): Finding {
  for (const [id, is] of now) {
    const was = before.get(id);
    const finding = was === undefined ? null : check(was, is);
    if (finding !== null) return `job ${id.slice(0, 8)}: ${finding}`;
  }
  return null;
}

export const terminalStatusNeverChanges: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) =>
    isTerminal(was.status) && is.status !== was.status ? `${was.status} became ${is.status}` : null,
  );

/** An ended job never changes for its readers. */
export const endedJobsStayAsTheyAre: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) => {
    if (!isTerminal(was.status)) return null;
    const changed = ENDED_WITH.find((field) => was[field] !== is[field]);
    return changed === undefined
      ? null
      : `${was.status}, but its ${changed} became ${is[changed]} from ${was[changed]}`;
  });

const ENDED_WITH = ["progress", "message", "attempt", "failures", "lost_leases", "error_code"] as const;

/** A version is one state for a job's readers: one who has seen it misses nothing. */
export const versionsCountChanges: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) => {
    if (is.version < was.version) return `version ${was.version} became ${is.version}`;
    const changed = SHOWN.find((field) => was[field] !== is[field]);
    if (changed === undefined || is.version > was.version) return null;
    return `its ${changed} became ${is[changed]} from ${was[changed]}, but it still has version ${is.version}`;
  });

const SHOWN = [
  "status",
  "progress",
  "message",
  "attempt",
  "error_code",
  "pinned",
  "input_purged_at",
  "results_purged_at",
] as const;

export const onlyEndedJobsAreDeleted: JobInvariant = ({ jobs: before }, { jobs: now }) => {
  for (const { id, status } of before.values()) {
    if (!isTerminal(status) && !now.has(id)) return `job ${id.slice(0, 8)} was ${status} and has disappeared`;
  }
  return null;
};

/** A job that kills its agents is not retried forever, and no attempt fails twice. */
export function triesAreCounted({ maxFailures, maxLostLeases }: TryLimits): JobInvariant {
  return (_, { jobs }) => {
    for (const { id, status, attempt, failures, lost_leases } of jobs.values()) {
      const counted = `job ${id.slice(0, 8)} has failed ${failures} times and lost ${lost_leases} leases`;
      if (failures > attempt) return `${counted} in ${attempt} attempts`;
      const isUsedUp = failures >= maxFailures || lost_leases >= maxLostLeases;
      if (isUsedUp && !isTerminal(status))
        return `${counted}, of ${maxFailures} and ${maxLostLeases}: ${status}`;
    }
    return null;
  };
}

/** From dispatch/timing.ts. */
export interface TryLimits {
  readonly maxFailures: number;
  readonly maxLostLeases: number;
  /** The inputs that fail in a row until an agent is quarantined. */
  readonly maxFaults: number;
}

export const changesFollowTheTable: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) =>
    was.status !== is.status && !canTransition(was.status, is.status)
      ? `${was.status} became ${is.status}`
      : null,
  );

export const attemptsOnlyGrow: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) =>
    is.attempt < was.attempt ? `attempt ${was.attempt} became ${is.attempt}` : null,
  );

export const aNewAttemptIsNew: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) =>
    is.attempt > was.attempt && (is.progress > 0 || is.last_seq > 0)
      ? `attempt ${is.attempt} begins at ${is.progress} % and number ${is.last_seq}`
      : null,
  );

/**
 * Work that started and was revoked counts as one failure or one lost lease, unless the agent handed it back.
 *
 * @param handedBack the leases that an agent handed back
 */
export function whatWasTakenIsCounted(handedBack: ReadonlySet<string>): JobInvariant {
  return (before, now) =>
    eachChange(before, now, (was, is) => {
      const isTaken = was.lease_id !== null && is.lease_id === null && is.status === "queued";
      if (!isTaken || was.status === "queued" || handedBack.has(was.lease_id)) return null;
      const counted = is.failures - was.failures + is.lost_leases - was.lost_leases;
      return counted === 1 ? null : `was ${was.status} and is queued again, which counts as ${counted}`;
    });
}

/** A lease ends before the next begins, and none begins for an ended job. */
export const leasesDoNotOverlap: JobInvariant = (before, now) =>
  eachChange(before, now, (was, is) => {
    if (is.lease_id === null || is.lease_id === was.lease_id) return null;
    if (isTerminal(was.status)) return `${was.status}, but was leased again`;
    return was.lease_id === null ? null : "was leased to somebody while somebody else had it";
  });

export const anActiveJobHasAnAgent: JobInvariant = (_, { jobs }) => {
  for (const { id, status, lease_id, agent_id } of jobs.values()) {
    const held = lease_id !== null && agent_id !== null;
    if (isActive(status) && !held) return `job ${id.slice(0, 8)} is ${status}, but no agent holds it`;
  }
  return null;
};

export const countersEqualRows: JobInvariant = (_, { jobs, counts }) => {
  for (const status of JOB_STATUSES) {
    const rows = [...jobs.values()].filter((job) => job.status === status).length;
    const counted = counts.get(status) ?? 0;
    if (counted !== rows) return `${rows} jobs are ${status}, but ${counted} are counted`;
  }
  return null;
};

/** Remembers how far each attempt has come: stage and progress must not go back. */
export class AttemptsMoveForward {
  readonly #furthest = new Map<string, { stage: number; progress: number }>();

  check({ jobs }: Observation): Finding {
    for (const { id, attempt, status, progress } of jobs.values()) {
      const key = `${id} ${attempt}`;
      const furthest = this.#furthest.get(key) ?? { stage: 0, progress: 0 };
      const stage = JOB_STATUSES.indexOf(status);
      if (isActive(status) && stage < furthest.stage) {
        return `job ${id.slice(0, 8)} attempt ${attempt}: ${JOB_STATUSES[furthest.stage]} became ${status}`;
      }
      if (progress < furthest.progress) {
        return `job ${id.slice(0, 8)} attempt ${attempt}: progress fell from ${furthest.progress} to ${progress}`;
      }
      this.#furthest.set(key, { stage: Math.max(stage, furthest.stage), progress });
    }
    return null;
  }
}

/** One idempotency key, which the client also gives as `task_id`, creates one job, however often it is sent. */
export class OneJobPerKey {
  readonly #jobs = new Map<string, string>();

  check({ jobs }: Observation): Finding {
    for (const { id, task_id } of jobs.values()) {
      const first = this.#jobs.get(task_id) ?? id;
      if (first !== id) return `${task_id} created the jobs ${first.slice(0, 8)} and ${id.slice(0, 8)}`;
      this.#jobs.set(task_id, id);
    }
    return null;
  }
}
