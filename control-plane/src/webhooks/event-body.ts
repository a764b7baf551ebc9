import {
  type AlarmPayload,
  type AlarmWebhookEvent,
  failureSentence,
  isAlarmEvent,
  type JobWebhookEvent,
  offsetUtc,
  type TestWebhookEvent,
  WEBHOOK_TEST,
  type WebhookPayload,
} from "@splatt/shared";
import type { z } from "zod";
import type { WebhookDeliveryRow } from "../db/schema.ts";

/** The body of a delivery. It depends on nothing but its row, so every attempt sends the same. */
export function eventBody(delivery: WebhookDeliveryRow, apiUrl: string): string {
  const { subject, sequence, receiver, event, payload, createdAt } = delivery;
  const timestamp = offsetUtc(createdAt);
  if (payload === null || event === WEBHOOK_TEST) {
    const test: z.infer<typeof TestWebhookEvent> = {
      type: WEBHOOK_TEST,
      timestamp,
      data: { webhook_id: receiver },
    };
    return JSON.stringify(test);
  }
  if (isAlarmEvent(event)) return alarmBody(event, timestamp, subject, payload as AlarmPayload, apiUrl);
  const { error_code: code, error_detail: detail, ...state } = payload as WebhookPayload;
  const hasFailed = state.status === "failed" && code !== null;
  const body: JobWebhookEvent = {
    type: event,
    timestamp,
    data: {
      job_id: subject,
      ...state,
      error_code: hasFailed ? code : null,
      error: hasFailed ? failureSentence({ code, detail: detail ?? "" }) : null,
      sequence,
      links: { job: `${apiUrl}/jobs/${subject}`, status: `${apiUrl}/jobs/${subject}/status` },
    },
  };
  return JSON.stringify(body);
}

function alarmBody(
  type: AlarmWebhookEvent["type"],
  timestamp: string,
  alarmId: string,
  payload: AlarmPayload,
  apiUrl: string,
): string {
  const links = { agents: `${apiUrl}/agents` };
  const body: AlarmWebhookEvent = { type, timestamp, data: { alarm_id: alarmId, ...payload, links } };
  return JSON.stringify(body);
}
