import { randomBytes } from "node:crypto";
import { isTerminal, JOB_EVENTS, type JobStatusView, type JobWebhookEvent } from "@splatt/shared";
import { type Splatt, Unreachable } from "../../index.ts";
import { pause } from "../../pause.ts";
import { type Context, command, firstOf, UsageError } from "../command.ts";
import { eventOf, eventTypesOf, forward } from "../forward-events.ts";

const POLL_MS = 2000;
/** How many of the newest jobs each request asks for. Jobs that ran at the start are followed to their end as well. */
const NEWEST = 100;

export const webhooksListen = command({
  name: "webhooks listen",
  summary: "forward the events of jobs to a program on this machine, while developing",
  details:
    "For a receiver without a public address. Asks the control plane every two seconds for new events of jobs, and sends each to the port or address as a signed webhook, until Ctrl-C. Prints the signing secret.",
  args: [{ name: "PORT_OR_URL", summary: "such as 3000, or http://localhost:3000/hook" }],
  options: {
    event: {
      type: "list",
      value: "EVENT",
      summary: `${JOB_EVENTS.join(", ")}; may be repeated; all by default`,
    },
    secret: { type: "string", value: "SECRET", summary: "sign with this whsec_… instead of a new one" },
  },
  async run(context, { args, options }) {
    const receiver = receiverOf(firstOf(args));
    const unknown = options.event.find((each) => !(JOB_EVENTS as readonly string[]).includes(each));
    if (unknown !== undefined) throw new UsageError(`Unknown event: ${unknown}`);
    if (options.secret !== undefined && !/^whsec_[A-Za-z0-9+/]+=*$/.test(options.secret))
      throw new UsageError("--secret must look like whsec_…");
    const secret = options.secret ?? `whsec_${randomBytes(32).toString("base64")}`;
    const wanted = options.event.length === 0 ? new Set<string>(JOB_EVENTS) : new Set(options.event);
    const splatt = await context.splatt();
    const changes = new JobChanges(splatt, context.signal);
    await changes.skipPast();
    context.comeBack = "Stopped listening.";
    context.output.note(
      `Listening. Events go to ${receiver.href}, signed with\n\n  ${secret}\n\nCtrl-C stops.`,
    );
    for (;;) {
      for (const event of await recent(context, changes)) {
        if (!wanted.has(event.type)) continue;
        const answer = await forward(event, receiver, secret, context.signal);
        context.output.result(`${event.timestamp}  ${event.type}  ${event.data.job_id}  ${answer}`);
      }
      await pause(POLL_MS, context.signal);
    }
  },
});

async function recent(context: Context, changes: JobChanges): Promise<JobWebhookEvent[]> {
  try {
    return await changes.next();
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof Unreachable)) throw error;
    context.output.note("The control plane cannot be reached. Trying again ...");
    return [];
  }
}

function receiverOf(given: string): URL {
  const text = /^\d{1,5}$/.test(given) ? `http://localhost:${given}/` : given;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${given} is neither a port nor an http address`);
  return url;
}

/** What happens to jobs, found by asking again and again. */
class JobChanges {
  readonly #splatt: Splatt;
  readonly #signal: AbortSignal;
  /** By job: its version when it was last seen, the last entry of its history then, and whether it can still change. */
  readonly #seen = new Map<string, { version: number; event: number; isOpen: boolean }>();

  constructor(splatt: Splatt, signal: AbortSignal) {
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

  /** The events since the last time, in the order in which they happened. */
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
    const events = [];
    for (const id of changed) events.push(...(await this.#eventsOf(id)));
    return events.toSorted((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  }

  async #eventsOf(jobId: string): Promise<JobWebhookEvent[]> {
    const seen = this.#seen.get(jobId)?.event ?? 0;
    const job = await this.#splatt.getJob(jobId, { signal: this.#signal });
    const history = await this.#historyOf(jobId);
    const isOpen = !isTerminal(job.status);
    const last = history.at(-1)?.number ?? seen;
    this.#seen.set(jobId, { version: job.version, event: last, isOpen });
    return history.flatMap((entry, index) =>
      entry.number <= seen
        ? []
        : eventTypesOf(entry, history.slice(0, index)).map((type) =>
            eventOf(type, entry, job, this.#splatt.url),
          ),
    );
  }

  async #list(): Promise<readonly JobStatusView[]> {
    return (await this.#splatt.listJobs({ limit: NEWEST }, { signal: this.#signal })).jobs;
  }

  async #historyOf(jobId: string) {
    return (await this.#splatt.getJobEvents(jobId, { signal: this.#signal })).events;
  }
}
