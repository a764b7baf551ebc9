import { type CreateWebhook, type ListPageQuery, WEBHOOK_TEST } from "@splatt/shared";
import { and, asc, desc, eq, exists, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { z } from "zod";
import { auditIf } from "../audit/audit.ts";
import { type Database, withRetry } from "../db/database.ts";
import { afterCursor, newestFirst, pageOf } from "../db/newest-first.ts";
import { jobs, type WebhookDeliveryRow, type WebhookRow, webhookDeliveries, webhooks } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import type { Creation } from "../idempotency/creation.ts";
import { isAdmin, type Principal } from "../keys/principal.ts";
import { isOfCallback } from "./callback.ts";
import { type DeliveryKey, parseDeliveryId } from "./delivery-id.ts";
import { deleteDeliveries, rowOf } from "./outbox.ts";
import { newWebhookSecret } from "./signature.ts";

/** Each change of a job looks at all webhooks, so a key may not have any number of them. */
const MOST_WEBHOOKS = 32;

export function newWebhook(
  { url, events }: z.infer<typeof CreateWebhook>,
  { keyId }: Principal,
  apiUrl: string,
): WebhookRow {
  return {
    id: crypto.randomUUID(),
    apiKeyId: keyId,
    url,
    events,
    secret: newWebhookSecret(),
    apiUrl,
    createdAt: Date.now(),
    failingSince: null,
    disabledAt: null,
  };
}

/** @throws ApiError 409 when the key has too many */
export async function createWebhook(
  db: Database,
  principal: Principal,
  creation: Creation,
  webhook: WebhookRow,
  answer: Response,
): Promise<Response> {
  const { id, apiKeyId, url, events, secret, apiUrl, createdAt } = webhook;
  const owned = db.select({ count: sql`count(*)` }).from(webhooks).where(ownedBy(apiKeyId));
  // In one statement: many requests at once do not pass the limit.
  const insert = db
    .insert(webhooks)
    .select(
      sql`SELECT ${id}, ${apiKeyId}, ${url}, ${JSON.stringify(events)}, ${secret}, ${apiUrl}, ${createdAt}, NULL, NULL
          WHERE (${owned}) < ${MOST_WEBHOOKS}`,
    )
    .onConflictDoNothing();
  const created = sql`SELECT 1 FROM webhooks WHERE id = ${id}`;
  const record = auditIf(db, principal, "webhook.created", id, sql`EXISTS (${created})`, {
    receiver: new URL(url).origin,
    events,
  });
  try {
    const committed = await creation.commit([insert, record], answer, created);
    if (!committed.isNew) return committed.answer;
  } catch (error) {
    if (!(error instanceof ApiError)) await requireFewerWebhooks(db, apiKeyId);
    throw error;
  }
  const stored = await db.select({ id: webhooks.id }).from(webhooks).where(eq(webhooks.id, id));
  if (stored.length > 0) return answer;
  throw tooManyWebhooks();
}

async function requireFewerWebhooks(db: Database, keyId: string | null): Promise<void> {
  const owned = await db
    .select({ id: webhooks.id })
    .from(webhooks)
    .where(ownedBy(keyId))
    .limit(MOST_WEBHOOKS);
  if (owned.length >= MOST_WEBHOOKS) throw tooManyWebhooks();
}

function tooManyWebhooks(): ApiError {
  return new ApiError("too_many_webhooks", `A key has at most ${MOST_WEBHOOKS} webhooks.`);
}

/** A page of a key's webhooks, newest first; of all of them for an administrator. */
export async function listWebhooks(
  db: Database,
  principal: Principal,
  { limit, cursor }: z.infer<typeof ListPageQuery>,
): Promise<{ page: WebhookRow[]; nextCursor: string | null }> {
  const found = await db
    .select()
    .from(webhooks)
    .where(and(isAdmin(principal) ? undefined : ownedBy(principal.keyId), afterCursor(webhooks, cursor)))
    .orderBy(...newestFirst(webhooks))
    .limit(limit + 1);
  return pageOf(found, limit);
}

/** @throws ApiError 404 also when it belongs to another key */
export async function findWebhook(db: Database, id: string, principal: Principal): Promise<WebhookRow> {
  const [webhook] = await db.select().from(webhooks).where(eq(webhooks.id, id));
  if (webhook === undefined || !isOwnedBy(webhook.apiKeyId, principal))
    throw new ApiError("webhook_not_found");
  return webhook;
}

/**
 * Deletes it with its deliveries: what it has not delivered yet is not delivered any more. The purge finishes a long
 * history.
 */
export async function deleteWebhook(db: Database, principal: Principal, { id }: WebhookRow): Promise<void> {
  const stored = exists(db.select({ one: sql`1` }).from(webhooks).where(eq(webhooks.id, id)));
  await withRetry(() =>
    db.batch([
      auditIf(db, principal, "webhook.deleted", id, stored),
      db.delete(webhooks).where(eq(webhooks.id, id)),
      ...deleteDeliveries(db, id),
    ]),
  );
}

/** Where a page of a webhook's history ends. */
export type HistoryPlace = Pick<WebhookDeliveryRow, "createdAt" | "subject" | "sequence">;

/** What a webhook has yet to deliver, in the order of the attempts. */
export async function pendingDeliveries(
  db: Database,
  receiver: string,
  limit: number,
): Promise<WebhookDeliveryRow[]> {
  return db
    .select()
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.receiver, receiver), isNotNull(webhookDeliveries.nextAttemptAt)))
    .orderBy(asc(webhookDeliveries.nextAttemptAt))
    .limit(limit);
}

/** What a webhook has delivered or given up, newest first. */
export async function pastDeliveries(
  db: Database,
  receiver: string,
  limit: number,
  before: HistoryPlace | null,
): Promise<WebhookDeliveryRow[]> {
  const { createdAt, subject, sequence } = webhookDeliveries;
  return db
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.receiver, receiver),
        isNull(webhookDeliveries.nextAttemptAt),
        before === null
          ? undefined
          : sql`(${createdAt}, ${subject}, ${sequence}) < (${before.createdAt}, ${before.subject}, ${before.sequence})`,
      ),
    )
    .orderBy(desc(createdAt), desc(subject), desc(sequence))
    .limit(limit);
}

/** A test is an event like any other: with an id, a signature and retries. */
export async function recordTest(db: Database, { id }: WebhookRow): Promise<WebhookDeliveryRow> {
  const now = Date.now();
  const test: WebhookDeliveryRow = {
    subject: crypto.randomUUID(),
    sequence: 1,
    receiver: id,
    event: WEBHOOK_TEST,
    payload: null,
    createdAt: now,
    attempts: 0,
    nextAttemptAt: now,
    deliveredAt: null,
    responseStatus: null,
    error: null,
  };
  await withRetry(() => db.insert(webhookDeliveries).values(test).onConflictDoNothing());
  return test;
}

/** @throws ApiError 404 also when it belongs to another key */
export async function findDelivery(
  db: Database,
  id: string,
  principal: Principal,
): Promise<WebhookDeliveryRow> {
  const key = parseDeliveryId(id);
  const [found] = key === null ? [] : await deliveriesWithOwners(db, rowOf(key));
  if (found === undefined || !isOwnedBy(found.owner, principal)) throw new ApiError("delivery_not_found");
  return found.delivery;
}

/** Makes a delivery due now, with all of its retries. */
export async function makeDue(db: Database, key: DeliveryKey): Promise<WebhookDeliveryRow> {
  const again = await withRetry(() =>
    db
      .update(webhookDeliveries)
      .set({ attempts: 0, nextAttemptAt: Date.now(), deliveredAt: null, responseStatus: null, error: null })
      .where(rowOf(key))
      .returning(),
  );
  const [delivery] = again;
  if (delivery === undefined) throw new ApiError("delivery_not_found");
  return delivery;
}

/** A job's deliveries, as far as they are the principal's. */
export async function deliveriesOfJob(
  db: Database,
  jobId: string,
  principal: Principal,
): Promise<WebhookDeliveryRow[]> {
  const found = await deliveriesWithOwners(db, eq(webhookDeliveries.subject, jobId));
  return found.filter(({ owner }) => isOwnedBy(owner, principal)).map(({ delivery }) => delivery);
}

/** With the API key to which each delivery belongs. */
async function deliveriesWithOwners(db: Database, where: ReturnType<typeof rowOf>) {
  const rows = await db
    .select({
      delivery: webhookDeliveries,
      webhook: webhooks,
      callback: jobs.callback,
      makerOfJob: jobs.apiKeyId,
    })
    .from(webhookDeliveries)
    .leftJoin(webhooks, eq(webhooks.id, webhookDeliveries.receiver))
    .leftJoin(jobs, eq(jobs.id, webhookDeliveries.subject))
    // What a deleted webhook left behind is gone for everybody, and the purge deletes it.
    .where(and(where, or(isNotNull(webhooks.id), isOfCallback(webhookDeliveries.receiver))))
    .orderBy(asc(webhookDeliveries.sequence));
  return rows.map(({ delivery, webhook, callback, makerOfJob }) => ({
    delivery,
    // A callback that answered 410 is gone from the job: what it was sent still belongs to the job's maker.
    owner: webhook !== null ? webhook.apiKeyId : callback !== null ? callback.apiKeyId : makerOfJob,
  }));
}

function ownedBy(keyId: string | null) {
  return keyId === null ? isNull(webhooks.apiKeyId) : eq(webhooks.apiKeyId, keyId);
}

function isOwnedBy(keyId: string | null, principal: Principal): boolean {
  return keyId === principal.keyId || isAdmin(principal);
}
