import { eq, type SQL, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { IS_PENDING, IS_SETTLED } from "../db/delivery-predicates.ts";
import { sweepCursors } from "../db/schema.ts";
import { isOfCallback } from "./callback.ts";
import { DELETED_AT_ONCE, deleteSome } from "./outbox.ts";

/**
 * What the scheduled run does for receivers. A client may name another one for each job, so there may be any number: a
 * run looks at some of them, and the next run continues behind the last one. Each gets its turn, however many others
 * there are and however much they have to get.
 */

/** How many receivers one run looks at: a few rows each. */
export const EXAMINED_PER_RUN = 1000;
/** How many of them it wakes: a subrequest each, of 1,000 that an invocation may make. */
export const WOKEN_PER_RUN = 200;
/** How long settled deliveries are kept. */
const HISTORY_MS = 30 * 24 * 3600 * 1000;

type Sweep = (typeof sweepCursors.$inferSelect)["sweep"];

/** Wakes the receivers for which an attempt is due: what a lost call or a dead object left behind. */
export async function wakeDueReceivers(
  db: Database,
  now: number,
  wake: (receivers: readonly string[]) => Promise<void>,
): Promise<void> {
  const from = await cursorOf(db, "due-receivers");
  const isDue = sql`EXISTS (SELECT 1 FROM webhook_deliveries AS due
    WHERE due.receiver = receivers.receiver AND due.next_attempt_at <= ${now})`;
  const rows = await db.all<{ receiver: string; isDue: number }>(
    receiversAfter(from, IS_PENDING, sql`receiver, ${isDue} AS isDue`),
  );
  const examined = rows.map((row) => ({ receiver: row.receiver, isDue: row.isDue === 1 }));
  const { woken, after } = chooseWoken(examined);
  await wake(woken);
  await moveCursor(db, "due-receivers", from, after);
}

/**
 * Which of the examined receivers are woken, and after which one the next run continues.
 *
 * @returns `after` is empty when the next run starts from the beginning
 */
export function chooseWoken(examined: readonly { readonly receiver: string; readonly isDue: boolean }[]): {
  readonly woken: readonly string[];
  readonly after: string;
} {
  const due = examined.flatMap(({ receiver, isDue }) => (isDue ? receiver : []));
  const woken = due.slice(0, WOKEN_PER_RUN);
  const isWhole = woken.length === due.length;
  return { woken, after: (isWhole ? lastIfMore(examined) : woken.at(-1)) ?? "" };
}

/** Deletes old history, and what a deleted webhook left behind, a part at a time. */
export async function pruneHistory(db: Database, now: number): Promise<void> {
  const from = await cursorOf(db, "webhook-history");
  const examined = await db.all<{ receiver: string }>(receiversAfter(from, IS_SETTLED, sql`receiver`));
  const history = sql`SELECT history.subject, history.sequence, history.receiver
    FROM json_each(${JSON.stringify(examined.map(({ receiver }) => receiver))}) AS examined
    CROSS JOIN webhook_deliveries AS history
      ON history.receiver = examined.value AND ${IS_SETTLED}`;
  const old = sql`${history} WHERE history.created_at < ${now - HISTORY_MS}`;
  const left = sql`${history} WHERE NOT ${isOfCallback(sql`examined.value`)}
    AND NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.id = examined.value)`;
  const deleted = await withRetry(() => db.batch([counted(db, old), counted(db, left)]));
  const isUnfinished = deleted.some(({ length }) => length === DELETED_AT_ONCE);
  await moveCursor(db, "webhook-history", from, isUnfinished ? from : (lastIfMore(examined) ?? ""));
}

function counted(db: Database, keys: SQL) {
  return deleteSome(db, keys).returning({ one: sql`1` });
}

/** The last of the examined receivers, if there may be more behind it. */
function lastIfMore(examined: readonly { readonly receiver: string }[]): string | undefined {
  return examined.length < EXAMINED_PER_RUN ? undefined : examined.at(-1)?.receiver;
}

/** The receivers behind one, each once, by jumping along the index of `condition`: as quick as there are receivers. */
function receiversAfter(after: string, condition: SQL, selected: SQL): SQL {
  const where = sql`${condition} AND webhook_deliveries.receiver`;
  return sql`WITH RECURSIVE receivers(receiver, number) AS (
    SELECT min(receiver), 1 FROM webhook_deliveries WHERE ${where} > ${after}
    UNION ALL
    SELECT (SELECT min(receiver) FROM webhook_deliveries WHERE ${where} > receivers.receiver), number + 1
    FROM receivers WHERE receivers.receiver IS NOT NULL AND number < ${EXAMINED_PER_RUN})
    SELECT ${selected} FROM receivers WHERE receiver IS NOT NULL`;
}

/** The receiver after which a sweep continues; empty when it begins with the first. */
async function cursorOf(db: Database, sweep: Sweep): Promise<string> {
  const [row] = await db
    .select({ after: sweepCursors.after })
    .from(sweepCursors)
    .where(eq(sweepCursors.sweep, sweep));
  return row?.after ?? "";
}

/** Records where the next run continues. Writes nothing while one run sees all receivers. */
async function moveCursor(db: Database, sweep: Sweep, from: string, after: string): Promise<void> {
  if (after === from) return;
  const row = { sweep, after };
  await withRetry(() =>
    db.insert(sweepCursors).values(row).onConflictDoUpdate({ target: sweepCursors.sweep, set: row }),
  );
}
