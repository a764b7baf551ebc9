import { type AgentOffer, EngineChoice } from "@splatt/shared";
import { and, eq, gte, inArray, isNull, like, lte, ne, not, type SQL, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { IS_WAITING, STILL_WAITS } from "../db/job-predicates.ts";
import { jobs } from "../db/schema.ts";
import { waitingIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { usableOffer } from "./note-faults.ts";
import { type JobNeeds, NO_NEEDS, UNMET_NEED_PATTERN, unmetNeed, waitsForTurn } from "./placement.ts";
import { NEEDS, type WaitingJob } from "./queue.ts";

/** How many waiting jobs of an engine choice one pass looks at, and how many of them it writes. */
const EXAMINED_PER_PASS = 1000;
const WRITES_PER_PASS = 100;

/** Writes into the message of a job that was just created what it waits for, when no connected agent can run it. */
export async function explainJob(context: DispatchContext, job: WaitingJob): Promise<void> {
  const offers = offersOf(context);
  const message = unmetNeed(job.engine, context.pool, offers, job);
  if (message === null) return;
  // The others of its engine were told something else: the next agent that connects has all of them looked at.
  if (context.explained.get(job.engine) !== named(waitReasons(job.engine, context.pool, offers))) {
    context.explained.delete(job.engine);
  }
  const explained = await withRetry(() =>
    context.db
      .update(jobs)
      .set(explanation(context, message))
      .where(and(eq(jobs.id, job.id), STILL_WAITS, isUnexplained(message)))
      .returning({ id: jobs.id }),
  );
  for (const { id } of explained) context.jobChanged(id);
}

/**
 * Does the same after an agent has connected or changed its offer, for the engine choices whose explanation has
 * changed. Usually none has, so a thousand agents that connect do not read the queue a thousand times.
 */
export async function explainIfChanged(context: DispatchContext): Promise<void> {
  const offers = offersOf(context);
  const changed = EngineChoice.options.filter(
    (choice) => context.explained.get(choice) !== named(waitReasons(choice, context.pool, offers)),
  );
  await explainWaiting(context, changed);
}

/**
 * Does the same for all waiting jobs, and corrects those whose message has stopped being true. Of a long queue, a pass
 * reads a part and the next one continues there: which jobs lack their message shows only when they are read, and most
 * have it.
 */
export async function explainWaiting(
  context: DispatchContext,
  choices: readonly EngineChoice[],
): Promise<void> {
  const offers = offersOf(context);
  const byChoice = choices.map((choice) => ({ choice, needs: waitReasons(choice, context.pool, offers) }));
  const parts = await partsOfQueue(
    context,
    byChoice.flatMap(({ needs }) => needs),
  );
  const awaited = parts.filter(({ isAwaited }) => isAwaited);
  const [first, ...others] = awaited.map(({ choice, message, isTurn, need, explained, from, until }) => {
    const unexplained = context.db
      .select({ seq: jobs.seq })
      .from(jobs)
      .where(
        and(
          waitingIn(context.pool, choice),
          gte(jobs.rank, from),
          until === null ? undefined : lte(jobs.rank, until),
          isUnexplained(message),
          isTurn ? like(jobs.message, UNMET_NEED_PATTERN) : undefined,
          need === null ? undefined : NEEDS[need],
          ...explained.map((other) => not(NEEDS[other])),
        ),
      )
      .limit(WRITES_PER_PASS);
    return context.db
      .update(jobs)
      .set(explanation(context, message))
      .where(inArray(jobs.seq, unexplained))
      .returning({ id: jobs.id });
  });
  const written = first === undefined ? [] : await withRetry(() => context.db.batch([first, ...others]));
  for (const { id } of written.flat()) context.jobChanged(id);
  const unfinished = awaited.filter((_, index) => written[index]?.length === WRITES_PER_PASS);
  for (const { choice, needs } of byChoice) {
    if (!unfinished.some((part) => part.choice === choice)) context.explained.set(choice, named(needs));
  }
  for (const part of parts) {
    if (unfinished.some(({ choice }) => choice === part.choice)) continue;
    context.explainedTo.set(part.choice, part.until ?? Number.MIN_SAFE_INTEGER);
  }
}

/** What the pool's agents offer, without repetitions. */
function offersOf(context: DispatchContext): AgentOffer[] {
  const quarantined = context.faults.quarantined();
  const unusable = Array.from(quarantined, (id) => context.sockets.of(id) ?? []).flat();
  return [
    ...context.sockets.distinctOffers(quarantined),
    ...unusable.flatMap((socket) => usableOffer(context, socket) ?? []),
  ];
}

function named(needs: readonly WaitReason[]): string {
  return JSON.stringify(needs.map(({ message }) => message));
}

function explanation(context: DispatchContext, message: string) {
  return { message, updatedAt: context.now(), version: sql`${jobs.version} + 1` };
}

/** A job that failed or lost its agent says so until its next attempt is due. */
function isUnexplained(message: string): SQL | undefined {
  return and(isNull(jobs.nextAttemptAt), ne(jobs.message, message));
}

/** What jobs of an engine choice wait for. */
interface WaitReason {
  readonly choice: EngineChoice;
  readonly message: string;
  /** Whether they only wait for their turn. Of them, only those that were told of an unmet need get this message. */
  readonly isTurn: boolean;
  /** Only jobs that have this need wait for it; null for all. */
  readonly need: keyof JobNeeds | null;
  /** A job that also has one of these needs has been told of it. */
  readonly explained: readonly (keyof JobNeeds)[];
}

function waitReasons(choice: EngineChoice, pool: string, offers: readonly AgentOffer[]): WaitReason[] {
  const ofAll = unmetNeed(choice, pool, offers);
  if (ofAll !== null) return [{ choice, message: ofAll, isTurn: false, need: null, explained: [] }];
  const unmet: WaitReason[] = [];
  for (const need of ["isOfSeveral", "hasScaleReference"] as const) {
    const message = unmetNeed(choice, pool, offers, { ...NO_NEEDS, [need]: true });
    const explained = unmet.flatMap(({ need: other }) => other ?? []);
    if (message !== null) unmet.push({ choice, message, isTurn: false, need, explained });
  }
  const explained = unmet.flatMap(({ need }) => need ?? []);
  return [...unmet, { choice, message: waitsForTurn(pool), isTurn: true, need: null, explained }];
}

interface PartOfQueue extends WaitReason {
  /** The ranks of the part's first job and its last; null is the queue's end. */
  readonly from: number;
  readonly until: number | null;
  /** Whether a job of the part has the need; usually none has, and then nothing is written. */
  readonly isAwaited: boolean;
}

/** Which part of each need's queue this pass looks at. */
async function partsOfQueue(context: DispatchContext, needs: readonly WaitReason[]): Promise<PartOfQueue[]> {
  if (needs.length === 0) return [];
  const begun = needs.map((reason) => ({
    ...reason,
    from: context.explainedTo.get(reason.choice) ?? Number.MIN_SAFE_INTEGER,
  }));
  const asked = JSON.stringify(begun.map(({ choice, need, from }) => [choice, need, from]));
  const queue = sql`FROM jobs WHERE pool = ${context.pool} AND engine = value ->> 0 AND ${IS_WAITING}
                    AND rank >= value ->> 2`;
  const rows = await context.db.all<{ until: number | null; isAwaited: number }>(
    sql`SELECT until, EXISTS (SELECT 1 ${queue} AND rank <= coalesce(until, ${Number.MAX_SAFE_INTEGER})
                 AND CASE value ->> 1 WHEN 'isOfSeveral' THEN ${NEEDS.isOfSeveral}
                     WHEN 'hasScaleReference' THEN ${NEEDS.hasScaleReference} ELSE 1 END) AS "isAwaited"
        FROM (SELECT key, value, (SELECT rank ${queue} ORDER BY rank LIMIT 1 OFFSET ${EXAMINED_PER_PASS}) AS until
              FROM json_each(${asked}))
        ORDER BY key`,
  );
  return begun.map((part, index) => {
    const { until = null, isAwaited = 0 } = rows[index] ?? {};
    return { ...part, until, isAwaited: isAwaited === 1 };
  });
}
