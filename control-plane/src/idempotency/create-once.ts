import type { Context, Next } from "hono";
import type { ApiEnv } from "../app-env.ts";
import type { Operation } from "../contract/operation.ts";
import { database } from "../db/database.ts";
import { ApiError } from "../http/problem.ts";
import { sentKey } from "../keys/authenticate.ts";
import { sessionToken } from "../sessions/session-cookie.ts";
import { canonicalJson } from "./canonical-json.ts";
import { Creation } from "./creation.ts";
import { KeyedRequest } from "./keyed-request.ts";

/** Printable ASCII: what every client can send and every proxy passes on unchanged. */
const VALID_KEY = /^[\x20-\x7e]{1,255}$/;

/**
 * Runs a creating route at most once for an `Idempotency-Key`. The route goes first, because almost every key is new,
 * and its commit decides. A repeated request that it refuses still gets the first answer: the upload may be gone and
 * the quota used up, by the job that the first request created.
 */
export async function createOnce(c: Context<ApiEnv>, operation: Operation, next: Next): Promise<void> {
  const creation = new Creation(database(c.env.DB), await keyedRequest(c, operation));
  c.set("creation", creation);
  await next();
  if (c.res.ok && !creation.isSettled) throw new Error(`${operation.id} did not commit its creation`);
  if (c.error === undefined) return;
  const first = await creation.firstAnswer().catch(() => null);
  if (first === null) return;
  c.error = undefined;
  // Otherwise hono keeps the headers of the refusal.
  c.res = undefined;
  c.res = first.replay();
}

/** @returns null without an `Idempotency-Key`. @throws ApiError 422 when it is not valid */
async function keyedRequest(c: Context<ApiEnv>, operation: Operation): Promise<KeyedRequest | null> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return null;
  if (!VALID_KEY.test(key)) {
    const msg = "must be 1 to 255 printable ASCII characters";
    throw new ApiError("invalid_request", [{ loc: ["header", "Idempotency-Key"], msg, type: "value_error" }]);
  }
  const body = operation.body === undefined ? "" : await bodyMeaning(c);
  const path = c.req.path.replace(/\/$/, "").toLowerCase();
  const credential = sentKey(c) ?? sessionToken(c) ?? "";
  const sender = { keyId: c.get("principal").keyId ?? "", credential };
  return KeyedRequest.of(sender, key, [operation.id, path, body].join("\n"));
}

/** What the body means, however it is written. The route refuses one that cannot be read. */
async function bodyMeaning(c: Context<ApiEnv>): Promise<string> {
  const bytes = await c.req.arrayBuffer().catch(() => new ArrayBuffer(0));
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === "") return "{}";
  try {
    return canonicalJson(JSON.parse(text)) ?? text;
  } catch {
    return text;
  }
}
