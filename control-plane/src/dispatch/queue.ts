import type { EngineChoice } from "@splatt/shared";
import { and, asc, isNull, lte, or } from "drizzle-orm";
import { jobs } from "../db/schema.ts";
import { waitingFor } from "../jobs/conditions.ts";
import type { Hub } from "./hub.ts";
import type { QueuedJob } from "./placement.ts";

/** A job in the queue, with what its claim needs to know. */
export interface WaitingJob extends QueuedJob {
  readonly attempt: number;
  readonly rank: number;
}

/** What agents have room for now: so many jobs of these kinds. */
export interface Opening {
  readonly choices: readonly EngineChoice[];
  readonly slots: number;
}

/** The queries that read as many jobs of the queue as there is room for, each choice along its own index. */
export function headOfQueue(hub: Hub, { choices, slots }: Opening) {
  if (slots === 0) return [];
  const due = or(isNull(jobs.nextAttemptAt), lte(jobs.nextAttemptAt, hub.now()));
  const { id, attempt, engine, lastAgentId, rank } = jobs;
  return choices.map((choice) =>
    hub.db
      .select({ id, attempt, engine, lastAgentId, rank })
      .from(jobs)
      .where(and(waitingFor(hub.pool, choice), due))
      .orderBy(asc(jobs.rank))
      .limit(slots),
  );
}

/** What `headOfQueue` read, as one queue. */
export function inOrder(pages: readonly (readonly WaitingJob[])[], { slots }: Opening): WaitingJob[] {
  return pages
    .flat()
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, slots);
}
