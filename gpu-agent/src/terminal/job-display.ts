import { printable } from "@splatt/shared";
import logUpdate from "log-update";
import { duration, JobProgress, type ShownJob } from "./job-progress.ts";

/** Shows a job's progress: live lines on a terminal, else a line for each significant change. */
export class JobDisplay {
  readonly #progress = new JobProgress();
  #printed = "";

  show(job: ShownJob): void {
    this.#progress.observe(job, performance.now());
    if (process.stdout.isTTY) logUpdate(this.#progress.lines(performance.now()).join("\n"));
    else this.#printChange(job);
  }

  /** Ends the display, and leaves its last lines on the terminal. */
  end(): void {
    if (process.stdout.isTTY) logUpdate.done();
  }

  /** One line per status and 10 %, so that a log stays short. */
  #printChange({ status, progress, message, eta_seconds }: ShownJob): void {
    const now = `${status} ${Math.floor(progress / 10)}`;
    if (now === this.#printed) return;
    this.#printed = now;
    const eta = eta_seconds === null ? "" : `, about ${duration(eta_seconds)} to go`;
    console.log(`  ${status} ${progress} %${eta}: ${printable(message)}`);
  }
}
