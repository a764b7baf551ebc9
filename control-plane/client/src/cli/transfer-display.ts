import { bar, byteText, duration, LABEL_WIDTH, type ProgressOutput } from "@splatt/shared/terminal";

/** The rate is that of the last seconds. */
const WINDOW_MS = 5000;
const REDRAW_MS = 100;

/** Shows how far an upload or a download is: a bar with rate and time to go, or a line for every 25 %. */
export class TransferDisplay {
  readonly #output: ProgressOutput;
  readonly #label: string;
  readonly #total: number;
  readonly #samples: { at: number; bytes: number }[] = [];
  #shownAt = Number.NEGATIVE_INFINITY;
  #quarter = 0;

  constructor(output: ProgressOutput, label: string, total: number) {
    this.#output = output;
    this.#label = label;
    this.#total = total;
  }

  show(bytes: number, now = performance.now()): void {
    this.#samples.push({ at: now, bytes });
    while ((this.#samples[1]?.at ?? now) < now - WINDOW_MS) this.#samples.shift();
    if (this.#output.redraw === null) this.#printQuarter(bytes);
    else if (now - this.#shownAt >= REDRAW_MS || bytes >= this.#total) {
      this.#shownAt = now;
      this.#output.redraw(transferLine(this.#label, bytes, this.#total, this.#rate()));
    }
  }

  end(): void {
    this.#output.keep();
  }

  /** Bytes per second; null before it is known. */
  #rate(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < 500) return null;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  #printQuarter(bytes: number): void {
    const quarter = Math.floor((4 * bytes) / this.#total);
    if (quarter <= this.#quarter) return;
    this.#quarter = quarter;
    this.#output.print(`  ${this.#label} ${quarter * 25} % of ${byteText(this.#total)}`);
  }
}

/** @param rate bytes per second, if known */
export function transferLine(label: string, bytes: number, total: number, rate: number | null): string {
  const percent = total === 0 ? 100 : Math.floor((100 * bytes) / total);
  const isDone = bytes >= total;
  const parts = [
    `  ${isDone ? "✓" : "▸"} ${label.padEnd(LABEL_WIDTH)} ${bar(percent)} ${String(percent).padStart(3)} %`,
    isDone ? byteText(total) : `${byteText(bytes)} of ${byteText(total)}`,
  ];
  if (rate !== null) parts.push(`${byteText(rate)}/s`);
  if (rate !== null && rate > 0 && !isDone) parts.push(`about ${duration((total - bytes) / rate)} to go`);
  return parts.join("  ");
}
