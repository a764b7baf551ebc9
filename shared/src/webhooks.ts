import { z } from "zod";
import { AlarmView } from "./alarms.ts";
import { NextCursor, Warnings } from "./answer-fields.ts";
import { FAILURE_CODES } from "./failures.ts";
import { JobStatus } from "./job-status.ts";
import { laxNumber } from "./lax-number.ts";
import { dateTime } from "./timestamps.ts";

/** The changes of a job that webhooks report. */
export const JOB_EVENTS = [
  "job.started",
  "job.stage",
  "job.completed",
  "job.failed",
  "job.cancelled",
] as const;
export const JobEventType = z.enum(JOB_EVENTS);
export type JobEventType = z.infer<typeof JobEventType>;

/** An alarm about the agents, or about what serves them, and its end. */
export const ALARM_EVENTS = ["agent.alarm", "agent.alarm_ended"] as const;

export const WEBHOOK_EVENTS = [...JOB_EVENTS, ...ALARM_EVENTS] as const;
export const WebhookEventType = z.enum(WEBHOOK_EVENTS);
export type WebhookEventType = z.infer<typeof WebhookEventType>;

export function isAlarmEvent(event: string): event is (typeof ALARM_EVENTS)[number] {
  return (ALARM_EVENTS as readonly string[]).includes(event);
}

/** The events that are sent when none are named: a job has ended. */
export const ENDED_EVENTS = [
  "job.completed",
  "job.failed",
  "job.cancelled",
] as const satisfies readonly JobEventType[];

/** The type of the event that a test sends. */
export const WEBHOOK_TEST = "webhook.test";

const MAX_URL_CHARS = 2048;
export const WebhookUrl = z.string().min(1).max(MAX_URL_CHARS);

const eventsAmong = <T extends WebhookEventType>(type: z.ZodType<T>, most: number) =>
  z
    .array(type)
    .min(1)
    .max(most)
    .transform((events) => [...new Set(events)]);
const JobEvents = eventsAmong<JobEventType>(JobEventType, JOB_EVENTS.length).default([...ENDED_EVENTS]);
const Events = eventsAmong<WebhookEventType>(WebhookEventType, WEBHOOK_EVENTS.length).default([
  ...ENDED_EVENTS,
]);

/** The fields of a job that say where its own events go. */
export const CallbackFields = z.object({
  callback_url: WebhookUrl.nullish()
    .transform((url) => url ?? undefined)
    .describe("Gets this job's webhook events."),
  callback_events: JobEvents.describe("Which events callback_url gets."),
});

/** POST /webhooks. */
export const CreateWebhook = z.object({
  url: WebhookUrl.describe(
    "Where the events go: a public https address, unless the settings make an exception.",
  ),
  events: Events.describe("What is sent. By default, the end of each job."),
});

export const WebhookView = z.object({
  webhook_id: z.uuid().describe("The webhook's id."),
  url: z.string().describe("Where the events go."),
  events: z.array(WebhookEventType).describe("What is sent."),
  created_at: dateTime().describe("When the webhook was created."),
  failing_since: dateTime()
    .nullable()
    .describe("Since when every attempt to deliver has failed; null while it works."),
  disabled_at: dateTime()
    .nullable()
    .describe("When it answered 410 Gone. Nothing is sent to it until a test succeeds. Null otherwise."),
});
export type WebhookView = z.infer<typeof WebhookView>;

/** The only answer that contains the secret. */
export const WebhookCreated = WebhookView.extend({
  secret: z
    .string()
    .describe("The secret that signs the events: `whsec_` and base64. No other answer contains it."),
  warnings: Warnings,
});
export type WebhookCreated = z.infer<typeof WebhookCreated>;

export const WebhookList = z.object({
  webhooks: z.array(WebhookView).describe("Newest first."),
  next_cursor: NextCursor.default(null),
  warnings: Warnings,
});
export type WebhookList = z.infer<typeof WebhookList>;

/** GET /webhooks/callback-secret. */
export const CallbackSecret = z.object({
  secret: z.string().describe("The secret that signs the events: `whsec_` and base64."),
});

export const DELIVERY_STATES = ["pending", "delivered", "given_up"] as const;

export const DeliveryView = z.object({
  delivery_id: z.string().describe("The `webhook-id` header of every attempt."),
  event: z.enum([...WEBHOOK_EVENTS, WEBHOOK_TEST]).describe("The event's type."),
  job_id: z.uuid().nullable().describe("The job that the event is about; null for a test and for an alarm."),
  state: z.enum(DELIVERY_STATES).describe("`given_up` after the last attempt has failed."),
  created_at: dateTime().describe("When the reported change happened."),
  attempts: z.int().nonnegative().describe("Attempts that were made."),
  next_attempt_at: dateTime().nullable().describe("When the next attempt is due; null when none is."),
  delivered_at: dateTime().nullable().describe("When the receiver accepted it; null until then."),
  response_status: z
    .int()
    .nullable()
    .describe("The HTTP status of the last attempt; null when no answer arrived."),
  error: z.string().nullable().describe("Why the last attempt failed; null when it did not."),
});
export type DeliveryView = z.infer<typeof DeliveryView>;

/** The query of GET /webhooks/{id}/deliveries. */
export const ListDeliveriesQuery = z.object({
  limit: laxNumber(z.int().min(1).max(1000)).default(100).describe("Deliveries on a page."),
  cursor: z.string().max(100).optional().describe("The `next_cursor` of the page before."),
});

export const DeliveryList = z.object({
  deliveries: z.array(DeliveryView).describe("In the order that the endpoint states."),
  next_cursor: NextCursor,
  warnings: Warnings,
});
export type DeliveryList = z.infer<typeof DeliveryList>;

/** What an event says of an alarm. */
export const AlarmPayload = AlarmView.omit({ since: true }).extend({ since: z.string() });
export type AlarmPayload = z.infer<typeof AlarmPayload>;

/** What an event says of its job, as it was at the change. */
export const WebhookPayload = z.object({
  task_id: z.string(),
  status: JobStatus,
  attempt: z.int().nonnegative(),
  progress: z.int().min(0).max(100),
  message: z.string(),
  error_code: z.enum(FAILURE_CODES).nullable(),
  error_detail: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
});
export type WebhookPayload = z.infer<typeof WebhookPayload>;

/** The body of a webhook about a job. */
export const JobWebhookEvent = z.object({
  type: JobEventType,
  /** When the change happened. */
  timestamp: z.string(),
  data: WebhookPayload.omit({ error_detail: true }).extend({
    job_id: z.uuid(),
    /** Grows with the events of a job: the order in which they happened. */
    sequence: z.int().positive(),
    error: z.string().nullable(),
    links: z.object({ job: z.string(), status: z.string() }),
  }),
});
export type JobWebhookEvent = z.infer<typeof JobWebhookEvent>;

/** The body of a webhook about an alarm. */
export const AlarmWebhookEvent = z.object({
  type: z.enum(ALARM_EVENTS),
  /** When the alarm began or ended. */
  timestamp: z.string(),
  data: AlarmPayload.extend({
    /** The same for the alarm and its end. */
    alarm_id: z.uuid(),
    links: z.object({ agents: z.string() }),
  }),
});
export type AlarmWebhookEvent = z.infer<typeof AlarmWebhookEvent>;

/** The body of a test. */
export const TestWebhookEvent = z.object({
  type: z.literal(WEBHOOK_TEST),
  timestamp: z.string(),
  data: z.object({ webhook_id: z.uuid() }),
});

export const WebhookEvent = z.discriminatedUnion("type", [
  JobWebhookEvent,
  AlarmWebhookEvent,
  TestWebhookEvent,
]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;
