import type { EngineChoice } from "@splatt/shared";
import { and, inArray, isNull, ne, sql } from "drizzle-orm";
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
  const unmet = choices.filter((choice) => unmetNeed(choice, context.pool, offers) !== null);
  const [first, ...others] = (await awaitedChoices(context, unmet)).map((choice) => {
    const message = unmetNeed(choice, context.pool, offers) ?? "";
    const unexplained = context.db
      .select({ seq: jobs.seq })
      .from(jobs)
      .where(and(waitingIn(context.pool, choice), isNull(jobs.nextAttemptAt), ne(jobs.message, message)))
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

/** Which of `choices` some waiting job asks for; usually none, and then no further query is needed. */
async function awaitedChoices(
  context: DispatchContext,
  choices: readonly EngineChoice[],
): Promise<EngineChoice[]> {
  if (choices.length === 0) return [];
  const rows = await context.db.all<{ choice: EngineChoice }>(
    sql`SELECT value AS choice FROM json_each(${JSON.stringify(choices)})
        WHERE EXISTS (SELECT 1 FROM jobs WHERE pool = ${context.pool} AND engine = value AND ${IS_WAITING})`,
  );
  return rows.map(({ choice }) => choice);
}
