import { and, asc, count, eq, isNotNull, lt, notExists, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { type Database, withRetry } from "../db/database.ts";
import { IS_PENDING, IS_SETTLED } from "../db/delivery-predicates.ts";
import { inList } from "../db/in-list.ts";
import { apiKeys, callbackSecrets, jobs, webhookDeliveries, webhooks } from "../db/schema.ts";
import type { DeliveryKey } from "./delivery-id.ts";
import type { Settlement } from "./settlement.ts";

/** A later event of a job waits for an earlier one only until that has failed this often. */
const KEEPS_ORDER_FOR_ATTEMPTS = 3;

/** The receivers that have yet to learn of jobs' changes. Costs a job without subscribers one row read at most. */
export function receiversOf(db: Database, ...subjects: readonly string[]) {
  return db
    .selectDistinct({ receiver: webhookDeliveries.receiver })
    .from(webhookDeliveries)
    .where(and(inList(webhookDeliveries.subject, subjects), isNotNull(webhookDeliveries.nextAttemptAt)));
}

/** What a receiver is to get next, due or not, with everything that sending it needs; in the order of the attempts. */
export async function nextDeliveries(db: Database, receiver: string, limit: number) {
  const earlier = alias(webhookDeliveries, "earlier");
  const waitsForEarlier = db
    .select({ one: sql`1` })
    .from(earlier)
    .where(
      and(
        eq(earlier.subject, webhookDeliveries.subject),
        eq(earlier.receiver, webhookDeliveries.receiver),
        lt(earlier.sequence, webhookDeliveries.sequence),
        isNotNull(earlier.nextAttemptAt),
        lt(earlier.attempts, KEEPS_ORDER_FOR_ATTEMPTS),
      ),
    );
  return db
    .select({
      delivery: webhookDeliveries,
      webhook: webhooks,
      callback: jobs.callback,
      callbackSecret: callbackSecrets.secret,
      // With the id: drizzle takes a joined row of NULLs, as a key's that never expires, for a missing one.
      key: { id: apiKeys.id, revokedAt: apiKeys.revokedAt, expiresAt: apiKeys.expiresAt },
    })
    .from(webhookDeliveries)
    .leftJoin(webhooks, eq(webhooks.id, webhookDeliveries.receiver))
    .leftJoin(jobs, eq(jobs.id, webhookDeliveries.subject))
    .leftJoin(
      callbackSecrets,
      eq(callbackSecrets.apiKeyId, sql`coalesce(${jobs.callback} ->> '$.apiKeyId', '')`),
    )
    .leftJoin(
      apiKeys,
      eq(
        apiKeys.id,
        sql`iif(${webhooks.id} IS NULL, ${jobs.callback} ->> '$.apiKeyId', ${webhooks.apiKeyId})`,
      ),
    )
    .where(
      and(
        eq(webhookDeliveries.receiver, receiver),
        isNotNull(webhookDeliveries.nextAttemptAt),
        notExists(waitsForEarlier),
      ),
    )
    .orderBy(asc(webhookDeliveries.nextAttemptAt), asc(webhookDeliveries.createdAt))
    .limit(limit);
}
export type NextDelivery = Awaited<ReturnType<typeof nextDeliveries>>[number];

/** Records how attempts ended. A row that is gone belonged to a job that was deleted meanwhile. */
export async function settle(
  db: Database,
  settled: readonly { readonly key: DeliveryKey; readonly settlement: Settlement }[],
): Promise<void> {
  const [first, ...others] = settled.map(({ key, settlement }) =>
    db.update(webhookDeliveries).set(settlement).where(rowOf(key)),
  );
  if (first !== undefined) await withRetry(() => db.batch([first, ...others]));
}

/** Drops what a receiver that answered 410 Gone has yet to get. @param subject only what is about this job */
export async function giveUpPending(
  db: Database,
  receiver: string,
  error: string,
  subject?: string,
): Promise<void> {
  await withRetry(() =>
    db
      .update(webhookDeliveries)
      .set({ nextAttemptAt: null, error })
      .where(
        and(
          eq(webhookDeliveries.receiver, receiver),
          isNotNull(webhookDeliveries.nextAttemptAt),
          subject === undefined ? undefined : eq(webhookDeliveries.subject, subject),
        ),
      ),
  );
}

export function rowOf({ subject, sequence, receiver }: DeliveryKey) {
  return and(
    eq(webhookDeliveries.subject, subject),
    eq(webhookDeliveries.sequence, sequence),
    eq(webhookDeliveries.receiver, receiver),
  );
}

/** How many deliveries are still to be made, counted up to `most`. */
export async function countPending(db: Database, most: number): Promise<number> {
  const pending = db.select({ one: sql`1` }).from(webhookDeliveries).where(IS_PENDING).limit(most);
  const [row] = await db.select({ pending: count() }).from(pending.as("pending"));
  return row?.pending ?? 0;
}

/** How many deliveries one statement deletes, so that it holds up no other query; three million a day. */
export const DELETED_AT_ONCE = 2000;

/** The statements that delete what a webhook has yet to send and what it has sent; of a long history, only a part. */
export function deleteDeliveries(db: Database, webhookId: string) {
  const those = (condition: SQL) =>
    deleteSome(
      db,
      sql`SELECT subject, sequence, receiver FROM webhook_deliveries
          WHERE receiver = ${webhookId} AND ${condition}`,
    );
  return [those(IS_PENDING), those(IS_SETTLED)] as const;
}

/** The statement that deletes the deliveries whose keys a query selects, or some of them if there are many. */
export function deleteSome(db: Database, keys: SQL) {
  return db
    .delete(webhookDeliveries)
    .where(sql`(subject, sequence, receiver) IN (${keys} LIMIT ${DELETED_AT_ONCE})`);
}
