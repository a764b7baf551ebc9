import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type MetricPoint, StepSeries } from "@splatt/shared";
import { z } from "zod";

/** In the train stage's folder, so that a later attempt that reuses the stage has them too. */
const FILE = "curves.json";
const MAX_POINTS = 300;

const Curve = z.array(z.tuple([z.number(), z.number()]));
/** Values by step: the loss, the PSNR on held-out frames in dB, and the number of gaussians. */
export const TrainingCurves = z.object({ loss: Curve, psnr: Curve, gaussians: Curve });
export type TrainingCurves = z.infer<typeof TrainingCurves>;

/** Collects what a training reports, from its first step to its last, in bounded memory. */
export class CurveRecorder {
  readonly #loss = new StepSeries(MAX_POINTS);
  readonly #psnr = new StepSeries(MAX_POINTS);
  readonly #gaussians = new StepSeries(MAX_POINTS);

  add({ step, loss, psnr, gaussians }: MetricPoint): void {
    // Four digits: a chart shows no more.
    const rounded = (value: number) => Number(value.toPrecision(4));
    if (loss !== null) this.#loss.add(step, rounded(loss));
    if (psnr !== null) this.#psnr.add(step, rounded(psnr));
    if (gaussians !== null) this.#gaussians.add(step, gaussians);
  }

  async save(trainDir: string): Promise<void> {
    const curves: TrainingCurves = {
      loss: this.#loss.points,
      psnr: this.#psnr.points,
      gaussians: this.#gaussians.points,
    };
    await writeFile(join(trainDir, FILE), JSON.stringify(curves));
  }
}

/** @returns null where the training left none */
export async function readCurves(trainDir: string): Promise<TrainingCurves | null> {
  try {
    return TrainingCurves.parse(JSON.parse(await readFile(join(trainDir, FILE), "utf8")));
  } catch {
    return null;
  }
}
