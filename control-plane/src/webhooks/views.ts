import { type DeliveryView, isAlarmEvent, offsetUtc, WEBHOOK_TEST, type WebhookView } from "@splatt/shared";
import type { WebhookDeliveryRow, WebhookRow } from "../db/schema.ts";
import { deliveryId } from "./delivery-id.ts";

export function toWebhookView(webhook: WebhookRow): WebhookView {
  return {
    webhook_id: webhook.id,
    url: webhook.url,
    events: [...webhook.events],
    created_at: offsetUtc(webhook.createdAt),
    failing_since: offsetOrNull(webhook.failingSince),
    disabled_at: offsetOrNull(webhook.disabledAt),
  };
}

export function toDeliveryView(delivery: WebhookDeliveryRow): DeliveryView {
  return {
    delivery_id: deliveryId(delivery),
    event: delivery.event,
    job_id: delivery.event === WEBHOOK_TEST || isAlarmEvent(delivery.event) ? null : delivery.subject,
    state: stateOf(delivery),
    created_at: offsetUtc(delivery.createdAt),
    attempts: delivery.attempts,
    next_attempt_at: offsetOrNull(delivery.nextAttemptAt),
    delivered_at: offsetOrNull(delivery.deliveredAt),
    response_status: delivery.responseStatus,
    error: delivery.error,
  };
}

function stateOf({ nextAttemptAt, deliveredAt }: WebhookDeliveryRow): DeliveryView["state"] {
  if (nextAttemptAt !== null) return "pending";
  return deliveredAt === null ? "given_up" : "delivered";
}

function offsetOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : offsetUtc(epochMs);
}
