import type { EngineChoice } from "@splatt/shared";
import { and, asc, isNull, lte, or } from "drizzle-orm";
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
}

/** The queries that read as many jobs as there is room for, one per engine choice, each along the queue index. */
export function headOfQueue(context: DispatchContext, { choices, slots }: Opening) {
  if (slots === 0) return [];
  const due = or(isNull(jobs.nextAttemptAt), lte(jobs.nextAttemptAt, context.now()));
  const { id, attempt, engine, lastAgentId, rank } = jobs;
  return choices.map((choice) =>
    context.db
      .select({ id, attempt, engine, lastAgentId, rank })
      .from(jobs)
      .where(and(waitingIn(context.pool, choice), due))
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
