import type { MetricPoint } from "@splatt/shared";

/** The progress of training, for messages to people. */
export interface Status {
  readonly iteration: number;
  readonly iterations: number;
  readonly gaussians: number;
  readonly loss: number;
  /** From the last evaluation of held-out frames; null before the first. */
  readonly psnr: number | null;
}

const number = new Intl.NumberFormat("en-US");

/** The job's message. Its beginning matches the old API's, which clients may look for. */
export function progressMessage({ iteration, iterations, gaussians, loss, psnr }: Status): string {
  const parts = [
    `Training Gaussian Splat... Step ${iteration}/${iterations}`,
    `${number.format(gaussians)} gaussians`,
    `loss ${loss.toFixed(4)}`,
  ];
  if (psnr !== null) parts.push(`held-out PSNR ${psnr.toFixed(1)} dB`);
  return parts.join(", ");
}

export function pointOf({ iteration, loss, psnr, gaussians }: Status): MetricPoint {
  return { step: iteration, loss: Number.isFinite(loss) ? loss : null, psnr, gaussians };
}

/** A line of the log. */
export function logLine(status: Status, msPerIteration: number): string {
  const { iteration, iterations, gaussians, loss, psnr } = status;
  const quality = psnr === null ? "" : ` held-out psnr ${psnr.toFixed(2)}`;
  return `step ${iteration}/${iterations} loss ${loss.toFixed(5)} gaussians ${gaussians} ${msPerIteration.toFixed(1)} ms/iteration${quality}`;
}
