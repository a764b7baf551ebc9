import { eq, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { type Database, withRetry } from "../db/database.ts";
import { idempotencyKeys } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import type { KeyedRequest } from "./keyed-request.ts";

type Statements = readonly [BatchItem<"sqlite">, ...BatchItem<"sqlite">[]];

/** What a creating request was answered, and whether it was the one that created. */
export interface Committed {
  readonly answer: Response;
  readonly isNew: boolean;
}

/**
 * How a route writes what it creates. Under an `Idempotency-Key`, the key's row and its answer are written in the same
 * transaction, and the key's uniqueness aborts it when another request was first. So there is no moment at which a
 * request could die and leave a key without what it created, or the reverse, and nothing to wait for.
 */
export class Creation {
  readonly #db: Database;
  readonly #request: KeyedRequest | null;
  #isCommitted = false;

  constructor(db: Database, request: KeyedRequest | null) {
    this.#db = db;
    this.#request = request;
  }

  /** Whether an answer is stored, or none is asked for. */
  get isSettled(): boolean {
    return this.#request === null || this.#isCommitted;
  }

  /**
   * @param statements write what is created; safe to repeat. What violates a constraint aborts all of them
   * @param answer to this request, if it is the first with its key
   * @param created selects what was created, where the statements may find a reason to write nothing. Then an
   *   idempotency key is not used up: the transaction is aborted, and its error thrown
   * @throws ApiError 422 when the key was used for another request
   */
  async commit(statements: Statements, answer: Response, created?: SQL): Promise<Committed> {
    const db = this.#db;
    const request = this.#request;
    if (request === null) {
      await withRetry(() => db.batch(statements));
      return { answer, isNew: true };
    }
    const { id, fingerprint } = request;
    const sealed = await request.seal(await pack(answer));
    // NULL, which the column refuses, when nothing was created.
    const stored = created === undefined ? sealed : sql`(SELECT ${sealed} WHERE EXISTS (${created}))`;
    const key = db.insert(idempotencyKeys).values({ id, fingerprint, answer: stored, createdAt: Date.now() });
    try {
      await withRetry(() => db.batch([...statements, key]));
    } catch (error) {
      const first = await this.firstAnswer().catch((unread: unknown) => {
        if (unread instanceof ApiError) throw unread;
        return null;
      });
      if (first === null) throw error;
      // The commit's own reply was lost.
      this.#isCommitted = true;
      if (first.sealed !== sealed) return { answer: first.replay(), isNew: false };
    }
    this.#isCommitted = true;
    return { answer, isNew: true };
  }

  /**
   * The answer to the first request with this key, if there was one.
   *
   * @throws ApiError 422 when that was another request
   */
  async firstAnswer(): Promise<{ readonly sealed: string; replay(): Response } | null> {
    if (this.#request === null) return null;
    const [first] = await this.#db
      .select()
      .from(idempotencyKeys)
      .where(eq(idempotencyKeys.id, this.#request.id));
    if (first === undefined) return null;
    if (first.fingerprint !== this.#request.fingerprint) throw new ApiError("idempotency_key_reused");
    const packed = await this.#request.open(first.answer);
    if (packed === null) {
      throw new ApiError("idempotency_key_reused", "The API key has been rotated since the first request.");
    }
    return { sealed: first.answer, replay: () => unpack(packed) };
  }
}

/** What a replay repeats of an answer; the rest is this response's own. */
const KEPT_HEADERS = ["content-type", "location"] as const;

async function pack(answer: Response): Promise<string> {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return JSON.stringify([answer.status, headers, await answer.clone().text()]);
}

function unpack(packed: string): Response {
  const [status, headers, body] = JSON.parse(packed) as [number, [string, string][], string];
  return new Response(body, { status, headers: [...headers, ["idempotency-replayed", "true"]] });
}
