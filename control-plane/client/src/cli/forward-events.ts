import { createHmac } from "node:crypto";
import {
  isTerminal,
  type JobEvent,
  type JobEventType,
  type JobView,
  type JobWebhookEvent,
} from "@splatt/shared";

/** How long the receiver may take, as for a real webhook. */
const ANSWER_WITHIN_MS = 15_000;

/**
 * The event that a webhook sends for an entry of a job's history, if any.
 *
 * @param before the entries before it, oldest first
 */
export function eventTypesOf(entry: JobEvent, before: readonly JobEvent[]): JobEventType[] {
  const previous = before.at(-1);
  if (previous === undefined || previous.status === entry.status || entry.status === "queued") return [];
  if (entry.status === "completed" || entry.status === "failed" || entry.status === "cancelled") {
    return [`job.${entry.status}`];
  }
  const isStart =
    previous.status === "queued" &&
    !before.some(({ status, attempt }) => attempt === entry.attempt && status !== "queued");
  return isStart ? ["job.started", "job.stage"] : ["job.stage"];
}

/** The body of a webhook about an entry of a job's history, with the job's current progress and message. */
export function eventOf(type: JobEventType, entry: JobEvent, job: JobView, apiUrl: string): JobWebhookEvent {
  const { job_id, task_id, labels } = job;
  const hasFailed = entry.status === "failed";
  return {
    type,
    timestamp: entry.at,
    data: {
      job_id,
      task_id,
      status: entry.status,
      attempt: entry.attempt,
      progress: isTerminal(entry.status) ? job.progress : Math.min(job.progress, 99),
      message: entry.message,
      labels,
      error_code: hasFailed ? entry.error_code : null,
      error: hasFailed ? job.error : null,
      // Two events of an entry keep their order.
      sequence: 2 * entry.number - (type === "job.started" ? 1 : 0),
      links: { job: `${apiUrl}/jobs/${job_id}`, status: `${apiUrl}/jobs/${job_id}/status` },
    },
  };
}

/** Sends an event to a receiver, signed as Splatt signs webhooks. @returns the HTTP status, or why there is none */
export async function forward(
  event: JobWebhookEvent,
  receiver: URL,
  secret: string,
  signal: AbortSignal,
): Promise<number | string> {
  const body = JSON.stringify(event);
  const id = `${event.data.job_id}_${event.data.sequence}_listen`;
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  try {
    const response = await fetch(receiver, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": `v1,${signature}`,
      },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    signal.throwIfAborted();
    return "no answer";
  }
}
