import type { EngineChoice } from "@splatt/shared";
import { and, eq, lt, type SQL } from "drizzle-orm";
import { IS_LEASED, IS_WAITING, IS_WAITING_AFTER_LOSS } from "../db/job-predicates.ts";
import { jobs } from "../db/schema.ts";

/** The condition that a job waits for an agent of `pool`; index `jobs_queue`. */
export function waitingIn(pool: string, engine: EngineChoice): SQL | undefined {
  return and(eq(jobs.pool, pool), eq(jobs.engine, engine), IS_WAITING);
}

/**
 * The condition that a job of `pool` lost an agent and has waited for another since before `time`; index `jobs_lost`.
 */
export function lostBefore(pool: string, time: number): SQL | undefined {
  return and(eq(jobs.pool, pool), lt(jobs.nextAttemptAt, time), IS_WAITING_AFTER_LOSS);
}

/** The condition that an agent holds a job of `pool`; index `jobs_leased`. */
export function leasedIn(pool: string): SQL | undefined {
  return and(eq(jobs.pool, pool), IS_LEASED);
}
