import type { CreateJob } from "@splatt/shared";
import { eq, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { Context } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { type Callback, callbackSecrets, jobs } from "../db/schema.ts";
import { sha256Hex } from "../http/credentials.ts";
import { publicUrl } from "../http/public-url.ts";
import { requireReceiver } from "./receiver-url.ts";
import { newWebhookSecret } from "./signature.ts";

/** Where the events of a new job go, if its maker wants any. */
export async function callbackFor(
  c: Context<ApiEnv>,
  { callback_url: url, callback_events: events }: Pick<CreateJob, "callback_url" | "callback_events">,
): Promise<Callback | null> {
  if (url === undefined) return null;
  requireReceiver(c.env, "callback_url", url);
  const apiKeyId = c.get("principal").keyId;
  // Deliveries are signed with it, so it has to exist by then.
  await callbackSecret(database(c.env.DB), apiKeyId);
  const apiUrl = publicUrl(c.env, c.req.url, "");
  return { url, events, receiver: await receiverOf(url, apiKeyId), apiUrl, apiKeyId };
}

/** What signs the callbacks of an API key's jobs. Made when it is first needed. */
export async function callbackSecret(db: Database, apiKeyId: string | null): Promise<string> {
  const known = db
    .select({ secret: callbackSecrets.secret })
    .from(callbackSecrets)
    .where(eq(callbackSecrets.apiKeyId, apiKeyId ?? ""));
  const [found] = await known;
  if (found !== undefined) return found.secret;
  const made = { apiKeyId: apiKeyId ?? "", secret: newWebhookSecret(), createdAt: Date.now() };
  await withRetry(() => db.insert(callbackSecrets).values(made).onConflictDoNothing());
  // Another request may have made one first.
  const [stored] = await known;
  return stored?.secret ?? made.secret;
}

/** Stops the delivery of a job's own events. */
export async function dropCallback(db: Database, jobId: string): Promise<void> {
  await withRetry(() => db.update(jobs).set({ callback: null }).where(eq(jobs.id, jobId)));
}

/**
 * One sender delivers to each origin that a key names, so a slow receiver delays the callbacks of no other. Written as
 * a UUID (version 8, RFC 9562), like the ids of webhooks.
 */
async function receiverOf(url: string, apiKeyId: string | null): Promise<string> {
  const hash = await sha256Hex(`callback ${apiKeyId ?? ""} ${new URL(url).origin}`);
  const groups = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return [...groups, hash.slice(20, 32)].join("-");
}

/** The condition that a receiver is a callback's: the version of its UUID says so. */
export function isOfCallback(receiver: SQLWrapper): SQL {
  return sql`substr(${receiver}, 15, 1) = '8'`;
}
