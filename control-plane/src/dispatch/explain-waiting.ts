import type { AgentOffer, EngineChoice } from "@splatt/shared";
import { and, inArray, isNull, ne, not, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { IS_WAITING } from "../db/job-predicates.ts";
import { jobs } from "../db/schema.ts";
import { waitingIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { usableOffer } from "./note-faults.ts";
import { type JobNeeds, NO_NEEDS, unmetNeed } from "./placement.ts";
import { NEEDS } from "./queue.ts";

const JOBS_PER_BATCH = 100;

/** Writes into the message of jobs that no connected agent can run what they wait for. */
export async function explainWaiting(
  context: DispatchContext,
  choices: readonly EngineChoice[],
): Promise<void> {
  const offers = context.sockets
    .open()
    .map((socket) => usableOffer(context, socket))
    .filter((offer) => offer !== null);
  const unmet = choices.flatMap((choice) => unmetNeeds(choice, context.pool, offers));
  const [first, ...others] = (await awaited(context, unmet)).map(({ choice, message, need, explained }) => {
    const unexplained = context.db
      .select({ seq: jobs.seq })
      .from(jobs)
      .where(
        and(
          waitingIn(context.pool, choice),
          isNull(jobs.nextAttemptAt),
          ne(jobs.message, message),
          need === null ? undefined : NEEDS[need],
          ...explained.map((other) => not(NEEDS[other])),
        ),
      )
      .limit(JOBS_PER_BATCH);
    return context.db
      .update(jobs)
      .set({ message, updatedAt: context.now(), version: sql`${jobs.version} + 1` })
      .where(and(waitingIn(context.pool, choice), inArray(jobs.seq, unexplained)))
      .returning({ id: jobs.id });
  });
  if (first === undefined) return;
  const explained = await withRetry(() => context.db.batch([first, ...others]));
  for (const { id } of explained.flat()) context.jobChanged(id);
}

/** What jobs of an engine choice wait for. */
interface UnmetNeed {
  readonly choice: EngineChoice;
  readonly message: string;
  /** Only jobs that have this need wait; null for all. */
  readonly need: keyof JobNeeds | null;
  /** A job that also has one of these needs has been told of it. */
  readonly explained: readonly (keyof JobNeeds)[];
}

function unmetNeeds(choice: EngineChoice, pool: string, offers: readonly AgentOffer[]): UnmetNeed[] {
  const ofAll = unmetNeed(choice, pool, offers);
  if (ofAll !== null) return [{ choice, message: ofAll, need: null, explained: [] }];
  const unmet: UnmetNeed[] = [];
  for (const need of ["isOfSeveral", "hasScaleReference"] as const) {
    const message = unmetNeed(choice, pool, offers, { ...NO_NEEDS, [need]: true });
    const explained = unmet.flatMap(({ need: other }) => other ?? []);
    if (message !== null) unmet.push({ choice, message, need, explained });
  }
  return unmet;
}

/** Those that some waiting job has; usually none, and then no further query is needed. */
async function awaited(context: DispatchContext, needs: readonly UnmetNeed[]): Promise<UnmetNeed[]> {
  if (needs.length === 0) return [];
  const asked = JSON.stringify(needs.map(({ choice, need }) => [choice, need]));
  const rows = await context.db.all<{ index: number }>(
    sql`SELECT key AS "index" FROM json_each(${asked})
        WHERE EXISTS (SELECT 1 FROM jobs WHERE pool = ${context.pool} AND engine = value ->> 0 AND ${IS_WAITING}
                      AND CASE value ->> 1 WHEN 'isOfSeveral' THEN ${NEEDS.isOfSeveral}
                          WHEN 'hasScaleReference' THEN ${NEEDS.hasScaleReference} ELSE 1 END)`,
  );
  const indexes = new Set(rows.map(({ index }) => index));
  return needs.filter((_, index) => indexes.has(index));
}
