import type { SourcePolicy } from "@splatt/shared";
import { deliveryId } from "./delivery-id.ts";
import { eventBody } from "./event-body.ts";
import type { NextDelivery } from "./outbox.ts";
import { refusedReceiver } from "./receiver-url.ts";
import type { SendWebhook } from "./send-webhook.ts";
import type { AttemptOutcome } from "./settlement.ts";
import { signedHeaders } from "./signature.ts";

/** How long a receiver may take to answer. */
const ANSWER_WITHIN_MS = 15_000;

export interface AttemptContext {
  readonly policy: SourcePolicy;
  readonly send: SendWebhook;
  readonly now: () => number;
}

/** Tries to deliver once. Of the answer only the status counts: its body is not read, and no redirect is followed. */
export async function attempt(context: AttemptContext, next: NextDelivery): Promise<AttemptOutcome> {
  const target = targetOf(next, context.now());
  if (typeof target === "string") return { dropped: target };
  const refusal = refusedReceiver(target.url, context.policy);
  if (refusal !== null) return { unreachable: refusal };

  const body = eventBody(next.delivery, target.apiUrl);
  const signed = await signedHeaders(target.secret, deliveryId(next.delivery), context.now(), body);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), ANSWER_WITHIN_MS);
  try {
    const response = await context.send(target.keyId, target.url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "Splatt-Webhooks/1", ...signed },
      body,
      redirect: "manual",
      signal: limit.signal,
    });
    await response.body?.cancel();
    return { status: response.status };
  } catch (error) {
    if (limit.signal.aborted) return { unreachable: `No answer within ${ANSWER_WITHIN_MS / 1000} s.` };
    return { unreachable: error instanceof UnreachableError ? error.message : "It could not be reached." };
  } finally {
    clearTimeout(timer);
  }
}

/** Why nothing was sent, in a sentence for the receiver's owner. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

interface Target {
  readonly url: string;
  readonly secret: string;
  readonly apiUrl: string;
  readonly keyId: string | null;
}

/** Where a delivery goes; a sentence when it goes nowhere any more. */
function targetOf(
  { delivery, webhook, callback, callbackSecret, key }: NextDelivery,
  now: number,
): Target | string {
  const owner = webhook === null ? (callback?.apiKeyId ?? null) : webhook.apiKeyId;
  if (owner !== null && (key === null || key.revokedAt !== null || (key.expiresAt ?? now + 1) <= now)) {
    return "The API key that asked for it is no longer valid.";
  }
  if (webhook !== null) return { ...webhook, keyId: owner };
  if (callback?.receiver !== delivery.receiver || callbackSecret === null) return "Its receiver was deleted.";
  return { url: callback.url, secret: callbackSecret, apiUrl: callback.apiUrl, keyId: owner };
}
