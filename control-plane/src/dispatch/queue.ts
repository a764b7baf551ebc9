import type { EngineChoice } from "@splatt/shared";
import { type AnyColumn, and, asc, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { waitingIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { JobNeeds, QueuedJob } from "./placement.ts";

/** A job in the queue, with the columns that its claim needs. */
export interface WaitingJob extends QueuedJob {
  readonly attempt: number;
  readonly rank: number;
}

/** The jobs that agents have room for: how many, and of which engine choices. */
export interface Opening {
  readonly choices: readonly EngineChoice[];
  readonly slots: number;
  /** Which needs one of the agents meets. Jobs with others wait, and nothing waits for them. */
  readonly met: JobNeeds;
}

/** The needs of a job, as columns. */
export const NEEDS = {
  isOfSeveral: sql<boolean>`${jobs.uploadIds} IS NOT NULL`.mapWith(Boolean),
  hasScaleReference: sql<boolean>`${jobs.options} ->> '$.scale_reference' IS NOT NULL`.mapWith(Boolean),
} as const satisfies { readonly [need in keyof JobNeeds]: SQL<boolean> };

/** Whether a job has no need but those that are met. */
export function needsOnly(
  { isOfSeveral, hasScaleReference }: JobNeeds,
  { uploadIds, options }: { readonly uploadIds: AnyColumn; readonly options: AnyColumn } = jobs,
): SQL | undefined {
  return and(
    isOfSeveral ? undefined : isNull(uploadIds),
    hasScaleReference ? undefined : sql`${options} ->> '$.scale_reference' IS NULL`,
  );
}

/** The queries that read as many jobs as there is room for, one per engine choice, each along the queue index. */
export function headOfQueue(context: DispatchContext, { choices, slots, met }: Opening) {
  if (slots === 0) return [];
  const due = or(isNull(jobs.nextAttemptAt), lte(jobs.nextAttemptAt, context.now()));
  const { id, attempt, engine, lastAgentId, rank } = jobs;
  return choices.map((choice) =>
    context.db
      .select({ id, attempt, engine, ...NEEDS, lastAgentId, rank })
      .from(jobs)
      .where(and(waitingIn(context.pool, choice), due, needsOnly(met)))
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
