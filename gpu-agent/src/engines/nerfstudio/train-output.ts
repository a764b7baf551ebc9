import { stripVTControlCharacters } from "node:util";

/** What a line that ns-train or gsplat printed tells about the training's progress. */
export type TrainEvent =
  | { readonly kind: "loading images" }
  | { readonly kind: "resumed" }
  /** `step` counts from 0. The time is null in the very last row. */
  | { readonly kind: "step"; readonly step: number; readonly msPerStep: number | null }
  | { readonly kind: "gaussians"; readonly count: number }
  | { readonly kind: "finished" };

export function parseTrainLine(line: string): TrainEvent | null {
  const text = stripVTControlCharacters(line).trimEnd();
  const [, step, time] = /^(\d+) \(\d+\.\d+%\)(?:\s+(\S.*?)(?:\s{2,}|$))?/.exec(text) ?? [];
  if (step !== undefined) {
    return { kind: "step", step: Number(step), msPerStep: time === undefined ? null : parseMs(time) };
  }
  const [, count] = /^Step \d+: .* Now having (\d+) GSs\.$/.exec(text) ?? [];
  if (count !== undefined) return { kind: "gaussians", count: Number(count) };
  if (text.includes("Caching / undistorting train images")) return { kind: "loading images" };
  if (text.includes("Done loading Nerfstudio checkpoint")) return { kind: "resumed" };
  if (text.includes("Training Finished")) return { kind: "finished" };
  return null;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Reads "27.900 ms", "2 s, 36.560 ms" or "4 m, 50 s"; null for anything else. */
function parseMs(text: string): number | null {
  let sum = 0;
  for (const part of text.split(", ")) {
    const [, amount, unit] = /^(\d+(?:\.\d+)?) (ms|s|m|h|d)$/.exec(part) ?? [];
    const factor = unit === undefined ? undefined : MS_PER_UNIT[unit];
    if (amount === undefined || factor === undefined) return null;
    sum += Number(amount) * factor;
  }
  return sum;
}

export interface TrainProgress {
  /** Steps done. */
  readonly step: number;
  readonly gaussians: number | null;
  readonly msPerStep: number | null;
  /** What goes on before the first step. */
  readonly preparing: string | null;
  readonly finished: boolean;
}

export function startProgress(step: number): TrainProgress {
  return { step, gaussians: null, msPerStep: null, preparing: "starting nerfstudio", finished: false };
}

/** @param iterations the training's last step, to which a finished training is set */
export function advance(progress: TrainProgress, event: TrainEvent, iterations: number): TrainProgress {
  switch (event.kind) {
    case "loading images":
      return { ...progress, preparing: "loading images, compiling CUDA kernels on the first run" };
    case "resumed":
      return { ...progress, preparing: "resuming from a checkpoint" };
    case "step":
      return {
        ...progress,
        step: Math.max(progress.step, Math.min(event.step, iterations)),
        msPerStep: event.msPerStep ?? progress.msPerStep,
        preparing: null,
      };
    case "gaussians":
      return { ...progress, gaussians: event.count };
    case "finished":
      return { ...progress, step: iterations, preparing: null, finished: true };
  }
}

/** The beginning is a contract: clients of the first API look for "Training Gaussian Splat... Step N/M". */
export function progressMessage(progress: TrainProgress, iterations: number): string {
  const { step, gaussians, msPerStep, preparing } = progress;
  const known = [
    ...(preparing === null ? [] : [preparing]),
    ...(gaussians === null ? [] : [`${gaussians.toLocaleString("en-US")} gaussians`]),
    ...(msPerStep === null ? [] : [`${msPerStep.toFixed(msPerStep < 10 ? 1 : 0)} ms per step`]),
  ];
  const details = known.length === 0 ? "" : ` (${known.join(", ")})`;
  return `Training Gaussian Splat... Step ${step}/${iterations}${details}`;
}
