import {
  CreateKey,
  type KeyCreated,
  type KeyList,
  type KeyView,
  ListPageQuery,
  offsetUtc,
} from "@splatt/shared";
import { and, eq, isNull } from "drizzle-orm";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { audit } from "../audit/audit.ts";
import { serve } from "../contract/serve.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { afterCursor, newestFirst, pageOf } from "../db/newest-first.ts";
import { type ApiKeyRow, apiKeys, sessions } from "../db/schema.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { allPools } from "../dispatch/pools-in-use.ts";
import type { Env } from "../env.ts";
import { sha256Hex } from "../http/credentials.ts";
import { ApiError } from "../http/problem.ts";
import { idParam, readJson, readQuery, validate } from "../http/validate.ts";
import { newApiKey, shownPrefix } from "./api-key.ts";
import { CREATE_KEY, DELETE_KEY, GET_KEY, LIST_KEYS } from "./contract.ts";
import type { Principal } from "./principal.ts";

export const keyRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_KEY), async (c) => {
    const principal = c.get("principal");
    const body = validate(CreateKey, await readJson(c), "body");
    const now = Date.now();
    const expiresAt = body.expires_at === null ? null : Date.parse(body.expires_at);
    requireLifetime(principal, expiresAt, now);
    const key = await newApiKey();
    const row: ApiKeyRow = {
      id: crypto.randomUUID(),
      name: body.name,
      keyHash: await sha256Hex(key),
      prefix: shownPrefix(key),
      scopes: body.scopes,
      pool: body.pool,
      labels: body.labels === null || Object.keys(body.labels).length === 0 ? null : body.labels,
      limits: body.limits,
      createdAt: now,
      createdBy: principal.keyId,
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
      minuteStartedAt: 0,
      requestsInMinute: 0,
      hour: 0,
      jobsInHour: 0,
      bytesStored: 0,
    };
    const db = database(c.env.DB);
    const detail = { name: row.name, scopes: row.scopes, pool: row.pool, labels: row.labels };
    const created: KeyCreated = { ...toView(row), key };
    const { answer } = await c
      .get("creation")
      .commit(
        [
          db.insert(apiKeys).values(row).onConflictDoNothing(),
          audit(db, principal, "key.created", row.id, detail),
        ],
        c.json(created),
      );
    return answer;
  })

  .get("/", serve(LIST_KEYS), async (c) => {
    const { limit, cursor } = validate(ListPageQuery, readQuery(c), "query");
    const found = await database(c.env.DB)
      .select()
      .from(apiKeys)
      .where(afterCursor(apiKeys, cursor))
      .orderBy(...newestFirst(apiKeys))
      .limit(limit + 1);
    const { page, nextCursor } = pageOf(found, limit);
    const list: KeyList = { keys: page.map(toView), next_cursor: nextCursor };
    return c.json(list);
  })

  .get("/:id", serve(GET_KEY), async (c) => c.json(toView(await findKey(database(c.env.DB), idParam(c)))))

  .delete("/:id", serve(DELETE_KEY), async (c) => {
    const id = idParam(c);
    const db = database(c.env.DB);
    const row = await findKey(db, id);
    if (row.revokedAt === null) {
      await withRetry(() =>
        db.batch([
          db
            .update(apiKeys)
            .set({ revokedAt: Date.now() })
            .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt))),
          db.delete(sessions).where(eq(sessions.keyHash, row.keyHash)),
          audit(db, c.get("principal"), "key.revoked", id, { name: row.name }),
        ]),
      );
    }
    // Also when it was revoked before: the request may be repeated because this failed.
    await endWatches(c.env, row);
    return c.json({ message: "Key revoked" });
  });

/** @throws ApiError 404 */
async function findKey(db: Database, id: string): Promise<ApiKeyRow> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.id, id));
  if (row === undefined) throw new ApiError("key_not_found");
  return row;
}

/** What the key watches ends before its revocation is confirmed. @throws when a Dispatcher cannot be reached */
async function endWatches(env: Env, { id, pool }: ApiKeyRow): Promise<void> {
  const pools = pool === null ? await allPools(database(env.DB)) : [pool];
  await Promise.all(pools.map((name) => dispatcherOf(env, name).keyRevoked(id)));
}

/**
 * A key cannot outlive the key that created it, or its rights would be kept. The other rights of a key with the scope
 * `admin` are unlimited.
 *
 * @throws ApiError 422
 */
function requireLifetime({ expiresAt: own }: Principal, expiresAt: number | null, now: number): void {
  const refuse = (msg: string) =>
    new ApiError("invalid_request", [{ loc: ["body", "expires_at"], msg, type: "value_error" }]);
  if (expiresAt !== null && expiresAt <= now) throw refuse("must be in the future");
  if (own !== null && (expiresAt === null || expiresAt > own)) {
    throw refuse(`must not be after ${offsetUtc(own)}, when the key that creates it expires`);
  }
}

function toView(row: ApiKeyRow): KeyView {
  return {
    key_id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: [...row.scopes],
    pool: row.pool,
    labels: row.labels,
    limits: row.limits,
    created_at: offsetUtc(row.createdAt),
    created_by: row.createdBy,
    expires_at: offsetOrNull(row.expiresAt),
    last_used_at: offsetOrNull(row.lastUsedAt),
    revoked_at: offsetOrNull(row.revokedAt),
  };
}

function offsetOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : offsetUtc(epochMs);
}
