import type { MetricPoint } from "@splatt/shared";

/** Figures of a training; PSNR (dB) and SSIM are means over held-out frames. */
interface Measurements {
  readonly gaussians: number | null;
  readonly msPerStep: number | null;
  readonly loss: number | null;
  readonly psnr: number | null;
  readonly ssim: number | null;
}

/** The meaning of a line that a training program printed. */
export type TrainingEvent =
  | { readonly kind: "preparing"; readonly what: string }
  /** `step` counts from 0. */
  | ({ readonly kind: "step"; readonly step: number } & Partial<Measurements>)
  | ({ readonly kind: "measured" } & Partial<Measurements>)
  | { readonly kind: "finished" };

/** The progress of a training, by its output so far. */
export interface TrainingProgress extends Measurements {
  /** Steps done. */
  readonly step: number;
  /** What the program does before the first step. */
  readonly preparing: string | null;
  readonly finished: boolean;
}

/** @param preparing what the program does first, e.g. "starting nerfstudio" */
export function startProgress(step: number, preparing: string): TrainingProgress {
  return {
    step,
    preparing,
    gaussians: null,
    msPerStep: null,
    loss: null,
    psnr: null,
    ssim: null,
    finished: false,
  };
}

/** @param iterations the training's last step, to which a finished training is set */
export function advance(
  progress: TrainingProgress,
  event: TrainingEvent,
  iterations: number,
): TrainingProgress {
  switch (event.kind) {
    case "preparing":
      return { ...progress, preparing: event.what };
    case "step":
      return {
        ...withUpdates(progress, event),
        step: Math.max(progress.step, Math.min(event.step, iterations)),
        preparing: null,
      };
    case "measured":
      return withUpdates(progress, event);
    case "finished":
      return { ...progress, step: iterations, preparing: null, finished: true };
  }
}

/** Figures that a line lacks keep their values. */
function withUpdates(progress: TrainingProgress, news: Partial<Measurements>): TrainingProgress {
  return {
    ...progress,
    gaussians: news.gaussians ?? progress.gaussians,
    msPerStep: news.msPerStep ?? progress.msPerStep,
    loss: news.loss ?? progress.loss,
    psnr: news.psnr ?? progress.psnr,
    ssim: news.ssim ?? progress.ssim,
  };
}

export function metricPoint({ step, loss, psnr, gaussians }: TrainingProgress): MetricPoint {
  return { step, loss, psnr, gaussians };
}

/** The beginning is part of the API: clients of the first version parse "Training Gaussian Splat... Step N/M". */
export function progressMessage(progress: TrainingProgress, iterations: number): string {
  const { step, gaussians, msPerStep, loss, psnr, preparing } = progress;
  const known = [
    ...(preparing === null ? [] : [preparing]),
    ...(gaussians === null ? [] : [`${gaussians.toLocaleString("en-US")} gaussians`]),
    ...(loss === null ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(psnr === null ? [] : [`held-out PSNR ${psnr.toFixed(1)} dB`]),
    ...(msPerStep === null ? [] : [`${msPerStep.toFixed(msPerStep < 10 ? 1 : 0)} ms per step`]),
  ];
  const details = known.length === 0 ? "" : ` (${known.join(", ")})`;
  return `Training Gaussian Splat... Step ${step}/${iterations}${details}`;
}
