import { printable } from "../printable.ts";
import { duration, JobProgress, type ShownJob } from "./job-progress.ts";

/** Where progress is shown. */
export interface ProgressOutput {
  /** Replaces the lines that it showed before; null where lines cannot be replaced. */
  readonly redraw: ((text: string) => void) | null;
  /** Prints a line that stays. */
  print(line: string): void;
  /** Leaves the lines that `redraw` showed last. */
  keep(): void;
}

/** Shows a job's progress: live lines where possible, else a line for each significant change. */
export class JobDisplay {
  readonly #output: ProgressOutput;
  readonly #progress = new JobProgress();
  #printed = "";

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  show(job: ShownJob): void {
    this.#progress.observe(job, performance.now());
    if (this.#output.redraw === null) this.#printChange(job);
    else this.refresh();
  }

  /** Shows how much time has passed since. */
  refresh(): void {
    this.#output.redraw?.(this.#progress.lines(performance.now()).join("\n"));
  }

  /** Ends the display, and leaves its last lines. */
  end(): void {
    this.#output.keep();
  }

  /** One line per status and 10 %, so that a log stays short. */
  #printChange({ status, progress, message, eta_seconds }: ShownJob): void {
    const now = `${status} ${Math.floor(progress / 10)}`;
    if (now === this.#printed) return;
    this.#printed = now;
    const eta = eta_seconds === null ? "" : `, about ${duration(eta_seconds)} to go`;
    this.#output.print(`  ${status} ${progress} %${eta}: ${printable(message)}`);
  }
}
