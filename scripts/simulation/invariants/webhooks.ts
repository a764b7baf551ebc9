import { isTerminal, type JobStatus, type JobWebhookEvent } from "@splatt/shared";
import type { SentWebhook } from "../actors/webhook-receiver.ts";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

/** What a sender may have in hand when the job is deleted: it read the outbox a moment before. */
const IN_HAND_MS = 1000;

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

  /** A webhook tells of a change that D1 has, of a job that was not deleted, and each attempt says the same. */
  onSent({ id, body }: SentWebhook, now: number): Finding {
    const first = this.#bodies.get(id) ?? body;
    if (first !== body) return `${id} was ${first} and is now ${body}`;
    this.#bodies.set(id, body);
    const { type, data } = JSON.parse(body) as JobWebhookEvent;
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

/** Whether nothing is left in the outbox. */
export function noWebhookWaits(d1: SqliteFile): Finding {
  const [row] = d1.rows(
    "SELECT count(*) AS waiting FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL",
  );
  return row?.waiting === 0 ? null : `${String(row?.waiting)} webhooks wait`;
}

/** Each change that somebody asked to learn of has arrived, once apart from repetitions of the same webhook. */
export function noWebhookIsLost(d1: SqliteFile, confirmed: ReadonlyMap<string, string>): Finding {
  const arrived = Map.groupBy(
    [...confirmed.values()].map((body) => JSON.parse(body) as JobWebhookEvent),
    ({ data }) => data.job_id,
  );
  const jobs = d1.rows(
    `SELECT id FROM jobs WHERE callback IS NOT NULL
     AND (api_key_id IS NULL OR EXISTS (SELECT 1 FROM api_keys WHERE id = api_key_id AND revoked_at IS NULL))`,
  );
  for (const { id } of jobs) {
    const jobId = String(id);
    const expected = eventsOf(d1, jobId).toSorted();
    const got = (arrived.get(jobId) ?? []).map(({ type, data }) => nameOf(type, data)).toSorted();
    if (expected.join() === got.join()) continue;
    return `job ${jobId.slice(0, 8)}: expected ${expected.join(", ")}; arrived: ${got.join(", ")}`;
  }
  return null;
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
