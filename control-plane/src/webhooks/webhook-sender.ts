import { DurableObject } from "cloudflare:workers";
import { readSourcePolicy } from "@splatt/shared";
import { and, eq, isNull } from "drizzle-orm";
import { type Database, database, withRetry } from "../db/database.ts";
import { webhooks } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { log } from "../log.ts";
import { type AttemptContext, attempt } from "./attempt.ts";
import { dropCallback } from "./callback.ts";
import { giveUpPending, type NextDelivery, nextDeliveries, settle } from "./outbox.ts";
import type { SendWebhook } from "./send-webhook.ts";
import { type AttemptOutcome, isDelivered, isGone, settlementOf } from "./settlement.ts";
import type { WebhookSenderApi } from "./webhook-sender-api.ts";

/** Attempts at once: below the six connections that a Worker may have open. A failing receiver gets one. */
const AT_ONCE = 4;
/** Rounds of attempts in one invocation, far below the limit of subrequests; then another alarm continues. */
const ROUNDS = 50;
/** When the stores did not answer. */
const TRY_AGAIN_MS = 5000;

/**
 * Delivers what the outbox has for one receiver, so that a slow or hostile one delays nobody else. It keeps nothing:
 * whatever it misses, because it died or was not woken, the outbox has, and the scheduled handler wakes it again.
 */
export class WebhookSender extends DurableObject<Env> implements WebhookSenderApi {
  readonly #db: Database;
  readonly #attempts: AttemptContext;
  #delivering: Promise<void> | null = null;
  #deliverAgain = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#db = database(env.DB);
    const send: SendWebhook = env.OUTBOUND_FETCH ?? ((_keyId, url, init) => fetch(url, init));
    this.#attempts = { policy: readSourcePolicy(env), send, now: Date.now };
  }

  /** Returns at once: whoever made a change does not wait for the receiver. */
  wake(): void {
    void this.#deliver();
  }

  override async alarm(): Promise<void> {
    await this.#deliver();
  }

  async #deliver(): Promise<void> {
    if (this.#delivering === null) this.#delivering = this.#deliverUntilQuiet();
    else this.#deliverAgain = true;
    await this.#delivering;
  }

  /** Never throws: the alarm is set for another try. */
  async #deliverUntilQuiet(): Promise<void> {
    try {
      do {
        this.#deliverAgain = false;
        await this.#deliverDue();
      } while (this.#deliverAgain);
    } catch (error) {
      log("error", "webhooks not delivered; it will be retried", { receiver: this.#receiver }, error);
      await this.ctx.storage.setAlarm(Date.now() + TRY_AGAIN_MS);
    } finally {
      this.#delivering = null;
    }
  }

  async #deliverDue(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const next = await nextDeliveries(this.#db, this.#receiver, AT_ONCE);
      const now = Date.now();
      const due = next.filter(({ delivery }) => (delivery.nextAttemptAt ?? 0) <= now);
      const isFailing = due.some(
        ({ webhook, delivery }) => webhook?.failingSince != null || delivery.attempts > 0,
      );
      const [first] = next;
      if (first === undefined) return;
      if (due.length === 0) {
        await this.ctx.storage.setAlarm(first.delivery.nextAttemptAt ?? now);
        return;
      }
      await this.#attemptAll(isFailing ? due.slice(0, 1) : due);
    }
    await this.ctx.storage.setAlarm(Date.now());
  }

  async #attemptAll(due: readonly NextDelivery[]): Promise<void> {
    const tried = await Promise.all(
      due.map(async (next) => ({ next, outcome: await attempt(this.#attempts, next) })),
    );
    const now = Date.now();
    await settle(
      this.#db,
      tried.map(({ next: { delivery }, outcome }) => ({
        key: delivery,
        settlement: settlementOf(outcome, delivery.attempts, now),
      })),
    );
    for (const { next, outcome } of tried) await this.#noteHealth(next, outcome, now);
  }

  /** Records on the webhook whether its receiver works. Writes only what changes. */
  async #noteHealth(
    { delivery, webhook }: NextDelivery,
    outcome: AttemptOutcome,
    now: number,
  ): Promise<void> {
    if ("dropped" in outcome) return;
    if (isGone(outcome)) return this.#switchOff(delivery.subject, webhook === null, now);
    if (webhook === null) return;
    const row = eq(webhooks.id, webhook.id);
    if (isDelivered(outcome)) {
      if (webhook.failingSince === null && webhook.disabledAt === null) return;
      await withRetry(() =>
        this.#db.update(webhooks).set({ failingSince: null, disabledAt: null }).where(row),
      );
    } else if (webhook.failingSince === null) {
      log("warn", "a webhook's receiver fails", { webhook: webhook.id });
      await withRetry(() =>
        this.#db
          .update(webhooks)
          .set({ failingSince: now })
          .where(and(row, isNull(webhooks.failingSince))),
      );
    }
  }

  /** 410 Gone: nothing is sent to it again. */
  async #switchOff(subject: string, isCallback: boolean, now: number): Promise<void> {
    const error = "Its receiver answered 410 Gone.";
    log("warn", "a webhook's receiver is gone", { receiver: this.#receiver });
    if (isCallback) {
      await dropCallback(this.#db, subject);
      return giveUpPending(this.#db, this.#receiver, error, subject);
    }
    await withRetry(() =>
      this.#db
        .update(webhooks)
        .set({ disabledAt: now, failingSince: now })
        .where(eq(webhooks.id, this.#receiver)),
    );
    return giveUpPending(this.#db, this.#receiver, error);
  }

  get #receiver(): string {
    return this.ctx.id.name ?? "";
  }
}
