import { type ActiveStatus, isActive } from "../job-status.ts";
import type { JobView } from "../jobs/view.ts";
import { printable } from "../printable.ts";

/** The parts of a job that the progress display shows. */
export type ShownJob = Pick<JobView, "status" | "progress" | "message" | "eta_seconds">;

const LABELS: { readonly [status in ActiveStatus]: string } = {
  downloading_video: "download",
  extracting_frames: "frames",
  running_colmap: "cameras",
  training: "training",
  exporting: "export",
};
export const LABEL_WIDTH = 10;
const BAR_WIDTH = 24;

interface Phase {
  readonly status: ActiveStatus;
  readonly since: number;
  until: number | null;
}

/** A job's progress as lines of text: the finished stages, and the running one with bar and ETA. */
export class JobProgress {
  readonly #phases: Phase[] = [];
  #job: ShownJob | null = null;

  /** @param now milliseconds on a monotonic clock */
  observe(job: ShownJob, now: number): void {
    this.#job = { ...job, message: printable(job.message) };
    const current = this.#phases.at(-1);
    if (current?.status === job.status) return;
    if (current !== undefined) current.until ??= now;
    if (isActive(job.status)) this.#phases.push({ status: job.status, since: now, until: null });
  }

  lines(now: number): string[] {
    const done = this.#phases
      .filter(({ until }) => until !== null)
      .map(({ status, since, until }) => `  ✓ ${label(status)} ${duration(((until ?? now) - since) / 1000)}`);
    return [...done, ...this.#running(now)];
  }

  #running(now: number): string[] {
    const job = this.#job;
    if (job === null) return [];
    if (job.status === "queued") return [`  · ${"waiting".padEnd(LABEL_WIDTH)} ${job.message}`];
    const current = this.#phases.at(-1);
    if (current === undefined || current.until !== null) return [];
    const eta = job.eta_seconds === null ? "" : `  about ${duration(job.eta_seconds)} to go`;
    return [
      `  ▸ ${label(current.status)} ${bar(job.progress)} ${String(job.progress).padStart(3)} %${eta}`,
      `    ${" ".repeat(LABEL_WIDTH)} ${duration((now - current.since) / 1000)}  ${job.message}`,
    ];
  }
}

/** Formats seconds for people: `8 s`, `2 min 05 s`, `1 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
}

function label(status: ActiveStatus): string {
  return LABELS[status].padEnd(LABEL_WIDTH);
}

export function bar(percent: number): string {
  const filled = Math.round((BAR_WIDTH * percent) / 100);
  return "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
}
