import { isTerminal, type JobStatusView, type JobWebhookEvent } from "@splatt/shared";
import { ApiProblem, type Splatt } from "../index.ts";
import { eventOf, eventTypesOf } from "./forward-events.ts";

/** How many of the newest jobs each request asks for. Jobs that ran at the start are followed to their end as well. */
const NEWEST = 100;

type JobSource = Pick<Splatt, "url" | "listJobs" | "getJob" | "getJobEvents">;

interface Seen {
  readonly version: number;
  /** The last one. */
  readonly event: number;
  readonly isOpen: boolean;
}

interface Change {
  readonly jobId: string;
  /** Null when the job is gone. */
  readonly seen: Seen | null;
  readonly events: readonly JobWebhookEvent[];
}

/** What happens to jobs, found by asking again and again. */
export class JobChanges {
  readonly #splatt: JobSource;
  readonly #signal: AbortSignal;
  /** By job: its version when it was last seen, the last entry of its history then, and whether it can still change. */
  readonly #seen = new Map<string, Seen>();

  constructor(splatt: JobSource, signal: AbortSignal) {
    this.#splatt = splatt;
    this.#signal = signal;
  }

  /** Counts everything up to now as seen. */
  async skipPast(): Promise<void> {
    for (const job of await this.#list()) {
      const isOpen = !isTerminal(job.status);
      const event = isOpen
        ? ((await this.#historyOf(job.job_id)).at(-1)?.number ?? 0)
        : Number.MAX_SAFE_INTEGER;
      this.#seen.set(job.job_id, { version: job.version, event, isOpen });
    }
  }

  /** The events since the last time that this did not throw, in the order in which they happened. */
  async next(): Promise<JobWebhookEvent[]> {
    const listed = await this.#list();
    const ids = new Set(listed.map(({ job_id }) => job_id));
    const older = [...this.#seen].filter(([id, { isOpen }]) => isOpen && !ids.has(id));
    const changed = [
      ...listed
        .filter(({ job_id, version }) => this.#seen.get(job_id)?.version !== version)
        .map(({ job_id }) => job_id),
      ...older.map(([id]) => id),
    ];
    const read: Change[] = [];
    for (const id of changed) read.push(await this.#changeOf(id));
    for (const { jobId, seen } of read) {
      if (seen === null) this.#seen.delete(jobId);
      else this.#seen.set(jobId, seen);
    }
    return read
      .flatMap(({ events }) => events)
      .toSorted((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  }

  async #changeOf(jobId: string): Promise<Change> {
    const last = this.#seen.get(jobId)?.event ?? 0;
    try {
      const job = await this.#splatt.getJob(jobId, { signal: this.#signal });
      const history = await this.#historyOf(jobId);
      const seen = {
        ...{ version: job.version, isOpen: !isTerminal(job.status) },
        event: history.at(-1)?.number ?? last,
      };
      const events = history.flatMap((entry, index) =>
        entry.number <= last
          ? []
          : eventTypesOf(entry, history.slice(0, index)).map((type) =>
              eventOf(type, entry, job, this.#splatt.url),
            ),
      );
      return { jobId, seen, events };
    } catch (error) {
      // It has been deleted meanwhile.
      if (error instanceof ApiProblem && error.status === 404) return { jobId, seen: null, events: [] };
      throw error;
    }
  }

  async #list(): Promise<readonly JobStatusView[]> {
    return (await this.#splatt.listJobs({ limit: NEWEST }, { signal: this.#signal })).jobs;
  }

  async #historyOf(jobId: string) {
    return (await this.#splatt.getJobEvents(jobId, { signal: this.#signal })).events;
  }
}
