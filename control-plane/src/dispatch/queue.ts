import type { EngineChoice } from "@splatt/shared";
import { and, asc, isNull, lte, or, sql } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { waitingIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { QueuedJob } from "./placement.ts";

/** A job in the queue, with the columns that its claim needs. */
export interface WaitingJob extends QueuedJob {
  readonly attempt: number;
  readonly rank: number;
}

/** The jobs that agents have room for: how many, and of which engine choices. */
export interface Opening {
  readonly choices: readonly EngineChoice[];
  readonly slots: number;
  /** Whether one of the agents takes jobs of several uploads. Otherwise these wait, and nothing waits for them. */
  readonly severalFiles: boolean;
}

/** Whether a job is made of several uploads. */
export const IS_OF_SEVERAL = sql<boolean>`${jobs.uploadIds} IS NOT NULL`.mapWith(Boolean);

/** The queries that read as many jobs as there is room for, one per engine choice, each along the queue index. */
export function headOfQueue(context: DispatchContext, { choices, slots, severalFiles }: Opening) {
  if (slots === 0) return [];
  const due = or(isNull(jobs.nextAttemptAt), lte(jobs.nextAttemptAt, context.now()));
  const { id, attempt, engine, lastAgentId, rank } = jobs;
  const isOfSeveral = IS_OF_SEVERAL;
  return choices.map((choice) =>
    context.db
      .select({ id, attempt, engine, isOfSeveral, lastAgentId, rank })
      .from(jobs)
      .where(and(waitingIn(context.pool, choice), due, severalFiles ? undefined : isNull(jobs.uploadIds)))
      .orderBy(asc(jobs.rank))
      .limit(slots),
  );
}

/** Merges the pages that `headOfQueue` reads into one queue. */
export function inOrder(pages: readonly (readonly WaitingJob[])[], { slots }: Opening): WaitingJob[] {
  return pages
    .flat()
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, slots);
}
