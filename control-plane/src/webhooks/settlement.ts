import type { WebhookDeliveryRow } from "../db/schema.ts";
import { retryAt } from "./retry-schedule.ts";

/** How an attempt ended: the receiver's HTTP status, or why there is none. */
export type AttemptOutcome =
  | { readonly status: number }
  /** Nothing was sent, or no answer came in time. */
  | { readonly unreachable: string }
  /** Its subscription is gone: nothing is sent any more. */
  | { readonly dropped: string };

/** The columns that an attempt changes. */
export type Settlement = Pick<
  WebhookDeliveryRow,
  "attempts" | "nextAttemptAt" | "deliveredAt" | "responseStatus" | "error"
>;

export function isDelivered(outcome: AttemptOutcome): boolean {
  return "status" in outcome && outcome.status >= 200 && outcome.status < 300;
}

/** Whether the receiver wants no more events. */
export function isGone(outcome: AttemptOutcome): boolean {
  return "status" in outcome && outcome.status === 410;
}

/** @param attempts those before this one */
export function settlementOf(outcome: AttemptOutcome, attempts: number, now: number): Settlement {
  if ("dropped" in outcome) {
    return { attempts, nextAttemptAt: null, deliveredAt: null, responseStatus: null, error: outcome.dropped };
  }
  const tried = attempts + 1;
  const responseStatus = "status" in outcome ? outcome.status : null;
  if (isDelivered(outcome)) {
    return { attempts: tried, nextAttemptAt: null, deliveredAt: now, responseStatus, error: null };
  }
  const nextAttemptAt = isGone(outcome) ? null : retryAt(tried, now);
  return { attempts: tried, nextAttemptAt, deliveredAt: null, responseStatus, error: errorOf(outcome) };
}

function errorOf(outcome: Exclude<AttemptOutcome, { dropped: string }>): string {
  if ("unreachable" in outcome) return outcome.unreachable;
  const { status } = outcome;
  return status >= 300 && status < 400
    ? `It answered with a redirect (${status}), which is not followed.`
    : `It answered ${status}.`;
}
