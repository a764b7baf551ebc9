import { isTerminal, type WatchMessage } from "@splatt/shared";
import type { PolledView } from "../actors/client.ts";
import type { Finding } from "./jobs.ts";
import type { ObservedJob } from "./observation.ts";

/** What one watcher was sent, over all its connections. */
export class WatchedJobAdvances {
  #version = 0;
  #event = 0;
  #log: { readonly id: string; readonly next: number } | null = null;
  #hasSeenEnd = false;

  /** @param job as D1 has it now; undefined when it was deleted */
  onMessage(message: WatchMessage, job: ObservedJob | undefined): Finding {
    switch (message.type) {
      case "job":
        return this.#onJob(message, job);
      case "log": {
        const { log: id, from, lines } = message;
        const before = this.#log;
        this.#log = { id, next: from + lines.length };
        if (before === null || before.id !== id) {
          return from === 0 ? null : `the log ${id} begins with line ${from}`;
        }
        return from === before.next ? null : `line ${from} follows line ${before.next - 1}`;
      }
      case "end":
        return message.reason === "job_ended" && !this.#hasSeenEnd
          ? "the watch ended before the job's final state was sent"
          : null;
      default:
        return null;
    }
  }

  #onJob(
    { version, job: view, events }: Extract<WatchMessage, { type: "job" }>,
    job: ObservedJob | undefined,
  ): Finding {
    if (version <= this.#version) return `version ${version} follows version ${this.#version}`;
    this.#version = version;
    for (const { number } of events) {
      if (number !== this.#event + 1) return `event ${number} follows event ${this.#event}`;
      this.#event = number;
    }
    if (isTerminal(view.status)) this.#hasSeenEnd = true;
    return isTrue({ ...view, version }, job);
  }
}

/** A long poll's answer, to a client that had the version `before`, is of that version or a later one. */
export function pollAdvances(before: number, view: PolledView, job: ObservedJob | undefined): Finding {
  return view.version < before ? `version ${view.version} follows version ${before}` : isTrue(view, job);
}

function isTrue({ version, status, progress }: PolledView, job: ObservedJob | undefined): Finding {
  if (job === undefined) return null;
  if (version > job.version) return `version ${version} is sent, but D1 has ${job.version}`;
  if (version < job.version || (status === job.status && progress === job.progress)) return null;
  return `version ${version} is ${job.status} ${job.progress} %, but was sent as ${status} ${progress} %`;
}
