import {
  type AlarmWebhookEvent,
  isAlarmEvent,
  isTerminal,
  type JobStatus,
  type JobWebhookEvent,
} from "@splatt/shared";
import { RECEIVER_URL, receiverUrlOf, type SentWebhook } from "../actors/webhook-receiver.ts";
import type { SqliteFile } from "../fakes/d1.ts";
import type { WebhookOwner } from "../plan.ts";
import type { Finding } from "./jobs.ts";

/** What a sender may have in hand when the job is deleted, or the key revoked: it read the outbox a moment before. */
export const IN_HAND_MS = 1000;

interface Event {
  readonly status: JobStatus;
  readonly attempt: number;
}

/** Checks every webhook when it leaves its sender. */
export class WebhooksTellWhatHappened {
  readonly #d1: SqliteFile;
  readonly #bodies = new Map<string, string>();
  readonly #deletedAt = new Map<string, number>();

  constructor(d1: SqliteFile) {
    this.#d1 = d1;
  }

  jobDeleted(jobId: string, now: number): void {
    this.#deletedAt.set(jobId, now);
  }

  /** A webhook reports a change that D1 has, of a job that was not deleted, and each attempt sends the same. */
  onSent({ id, body }: SentWebhook, now: number): Finding {
    const first = this.#bodies.get(id) ?? body;
    if (first !== body) return `${id} was ${first} and is now ${body}`;
    this.#bodies.set(id, body);
    const told = jobEventOf(body);
    if (told === null) return null;
    const { type, data } = told;
    const deletedAt = this.#deletedAt.get(data.job_id);
    const what = `${type} of ${data.job_id.slice(0, 8)}`;
    if (deletedAt !== undefined) {
      return now - deletedAt > IN_HAND_MS ? `${what} is sent ${now - deletedAt} ms after its deletion` : null;
    }
    const happened = this.#d1.rows(
      "SELECT 1 FROM job_events WHERE job_id = ? AND status = ? AND attempt = ?",
      data.job_id,
      data.status,
      data.attempt,
    );
    return happened.length > 0 ? null : `${what} is sent, but the job has not been ${data.status}`;
  }
}

/** The event that a webhook tells of; null for an alarm. */
export function jobEventOf(body: string): JobWebhookEvent | null {
  const event = JSON.parse(body) as JobWebhookEvent | AlarmWebhookEvent;
  return isAlarmEvent(event.type) ? null : (event as JobWebhookEvent);
}

/** Whether nothing is left in the outbox. */
export function noWebhookWaits(d1: SqliteFile): Finding {
  const [row] = d1.rows(
    "SELECT count(*) AS waiting FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL",
  );
  return row?.waiting === 0 ? null : `${String(row?.waiting)} webhooks wait`;
}

/** Each change that somebody asked to learn of has arrived, once apart from repetitions of the same webhook. */
export function noWebhookIsLost(
  d1: SqliteFile,
  confirmed: ReadonlyMap<string, SentWebhook>,
  registered: readonly WebhookOwner[],
): Finding {
  const jobEvents = [...confirmed.values()].flatMap(({ url, body }) => {
    const event = jobEventOf(body);
    return event === null ? [] : [{ url, event }];
  });
  const arrived = Map.groupBy(jobEvents, ({ url, event }) => placeOf(url, event.data.job_id));
  for (const { url, jobId } of subscriptions(d1, registered)) {
    const expected = eventsOf(d1, jobId).toSorted();
    const got = (arrived.get(placeOf(url, jobId)) ?? [])
      .map(({ event: { type, data } }) => nameOf(type, data))
      .toSorted();
    if (expected.join() === got.join()) continue;
    return `job ${jobId.slice(0, 8)}, to ${url}: expected ${expected.join(", ")}; arrived: ${got.join(", ")}`;
  }
  return null;
}

/** Whoever asked for alarms has been told of each once, and of its end after that. */
export function eachAlarmIsSentOnce(
  d1: SqliteFile,
  confirmed: ReadonlyMap<string, SentWebhook>,
  registered: readonly WebhookOwner[],
): Finding {
  if (!registered.includes("bootstrap key")) return null;
  const told = [...confirmed.values()]
    .filter(({ body }) => jobEventOf(body) === null)
    .map(({ body }) => JSON.parse(body) as AlarmWebhookEvent)
    .map(({ type, data }) => `${type} ${data.alarm_id}`);
  const twice = told.find((event, index) => told.indexOf(event) !== index);
  if (twice !== undefined) return `${twice} is sent twice`;
  const begun = [
    ...d1.rows("SELECT id FROM alarms").map(({ id }) => String(id)),
    ...told.filter((event) => event.startsWith("agent.alarm_ended")).map((event) => event.split(" ")[1]),
  ];
  const untold = begun.find((id) => !told.includes(`agent.alarm ${id}`));
  return untold === undefined ? null : `the alarm ${untold} is not told`;
}

function placeOf(url: string, jobId: string): string {
  return `${jobId} ${url}`;
}

/** Who is to be told of what: the receivers of jobs' own events, and those of all jobs, whose key is not revoked. */
function subscriptions(
  d1: SqliteFile,
  registered: readonly WebhookOwner[],
): { readonly url: string; readonly jobId: string }[] {
  const [revoked] = d1.rows("SELECT 1 FROM api_keys WHERE revoked_at IS NOT NULL");
  const isValid = (ofSecondKey: boolean) => !ofSecondKey || revoked === undefined;
  const urls = registered.filter((owner) => isValid(owner === "second key")).map(receiverUrlOf);
  return d1.rows("SELECT id, callback, api_key_id FROM jobs").flatMap(({ id, callback, api_key_id }) => {
    const own = callback !== null && isValid(api_key_id !== null) ? [RECEIVER_URL] : [];
    return [...own, ...urls].map((url) => ({ url, jobId: String(id) }));
  });
}

/** The events of a job, by its history. */
function eventsOf(d1: SqliteFile, jobId: string): string[] {
  const history = d1.rows(
    "SELECT status, attempt FROM job_events WHERE job_id = ? ORDER BY number",
    jobId,
  ) as unknown as Event[];
  const started = new Set<number>();
  return history.flatMap((now, index) => {
    const { status, attempt } = now;
    const before = history[index - 1];
    if (before === undefined || before.status === status || status === "queued") return [];
    if (isTerminal(status)) return [nameOf(`job.${status}`, now)];
    const starts = before.status === "queued" && !started.has(attempt);
    if (starts) started.add(attempt);
    return [...(starts ? [nameOf("job.started", now)] : []), nameOf("job.stage", now)];
  });
}

function nameOf(
  type: string,
  { status, attempt }: { readonly status: string; readonly attempt: number },
): string {
  return `${type} ${status} ${attempt}`;
}
