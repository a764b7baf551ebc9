import type { AgentOffer, EngineChoice } from "@splatt/shared";
import { and, inArray, isNotNull, isNull, ne, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { IS_WAITING } from "../db/job-predicates.ts";
import { jobs } from "../db/schema.ts";
import { waitingIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { usableOffer } from "./note-faults.ts";
import { unmetNeed } from "./placement.ts";

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
  const [first, ...others] = (await awaited(context, unmet)).map(({ choice, message, ofSeveral }) => {
    const unexplained = context.db
      .select({ seq: jobs.seq })
      .from(jobs)
      .where(
        and(
          waitingIn(context.pool, choice),
          isNull(jobs.nextAttemptAt),
          ne(jobs.message, message),
          ofSeveral ? isNotNull(jobs.uploadIds) : undefined,
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
  /** Only jobs of several uploads have this need. */
  readonly ofSeveral: boolean;
}

function unmetNeeds(choice: EngineChoice, pool: string, offers: readonly AgentOffer[]): UnmetNeed[] {
  const ofAll = unmetNeed(choice, pool, offers);
  if (ofAll !== null) return [{ choice, message: ofAll, ofSeveral: false }];
  const message = unmetNeed(choice, pool, offers, true);
  return message === null ? [] : [{ choice, message, ofSeveral: true }];
}

/** Those that some waiting job has; usually none, and then no further query is needed. */
async function awaited(context: DispatchContext, needs: readonly UnmetNeed[]): Promise<UnmetNeed[]> {
  if (needs.length === 0) return [];
  const asked = JSON.stringify(needs.map(({ choice, ofSeveral }) => [choice, ofSeveral ? 1 : 0]));
  const rows = await context.db.all<{ choice: EngineChoice }>(
    sql`SELECT value ->> 0 AS choice FROM json_each(${asked})
        WHERE EXISTS (SELECT 1 FROM jobs WHERE pool = ${context.pool} AND engine = value ->> 0 AND ${IS_WAITING}
                      AND (value ->> 1 = 0 OR upload_ids IS NOT NULL))`,
  );
  const choices = new Set(rows.map(({ choice }) => choice));
  return needs.filter(({ choice }) => choices.has(choice));
}
