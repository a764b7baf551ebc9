import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { JobOptions, ok } from "@splatt/shared";
import { z } from "zod";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "./engine.ts";
import type { TrainingProgress } from "./training-progress.ts";

/** In the training's folder: the first try ran out of GPU memory, and this is the second one's record. */
const SECOND_TRY_FILE = "second-try.json";

/** Half the pixels, and with them about half of what a rendering takes. */
const SIDE_FACTOR = 0.7;
const GAUSSIANS_FACTOR = 0.7;
/** The least that a job may ask for. */
const LEAST_SIDE = 64;
const LEAST_GAUSSIANS = 1000;

const SecondTry = z.object({
  options: JobOptions.pick({ iterations: true, preset: true, max_splats: true, max_resolution: true }),
  /** What is said about it, to people. */
  note: z.string(),
});
type SecondTry = z.infer<typeof SecondTry>;

/**
 * What to try after the GPU's memory ran out: the same with fewer pixels and fewer gaussians.
 *
 * @param longSide the longer side, in pixels, of the try that failed
 * @param gaussians how many it had come to; null when it did not tell
 */
export function planSecondTry(options: TrainOptions, longSide: number, gaussians: number | null): SecondTry {
  const { iterations, preset } = options;
  const side = Math.max(LEAST_SIDE, Math.round(longSide * SIDE_FACTOR));
  const fewer =
    gaussians === null ? null : Math.max(LEAST_GAUSSIANS, Math.round(gaussians * GAUSSIANS_FACTOR));
  const limits = [options.max_splats, fewer].filter((limit) => limit !== null);
  const maxSplats = limits.length === 0 ? null : Math.min(...limits);
  const atMost = maxSplats === null ? "" : ` and at most ${maxSplats.toLocaleString("en-US")} gaussians`;
  return {
    options: { iterations, preset, max_splats: maxSplats, max_resolution: side },
    note: `second try at ${side} instead of ${longSide} pixels${atMost}: the GPU ran out of memory`,
  };
}

/** One try at training, in `context.dir`. */
export type Try = (
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
) => Promise<StageResult<TrainedModel>>;

/**
 * Trains, and when the GPU's memory runs out once more with less, which the messages and the report then say.
 * A second try that was interrupted is gone on with.
 *
 * @param longSide the longer side, in pixels, at which `options` train
 */
export async function trainWithSecondTry(
  options: TrainOptions,
  longSide: number,
  context: StageContext,
  train: Try,
): Promise<StageResult<TrainedModel>> {
  const begun = await readSecondTry(context.dir);
  if (begun !== null) return trainAgain(begun, context, train);

  let gaussians: number | null = null;
  const first = await train(options, context, (progress) => {
    gaussians = progress.gaussians;
  });
  if (first.ok || first.error.code !== "gpu_out_of_memory") return first;
  const second = planSecondTry(options, longSide, gaussians);
  context.log.warn({ failure: first.error }, second.note);
  for (const name of await readdir(context.dir)) await rm(join(context.dir, name), { recursive: true });
  await writeFile(join(context.dir, SECOND_TRY_FILE), JSON.stringify(second));
  return trainAgain(second, context, train);
}

async function trainAgain(
  { options, note }: SecondTry,
  context: StageContext,
  train: Try,
): Promise<StageResult<TrainedModel>> {
  const noting: StageContext = {
    ...context,
    report: ({ fraction, message }) => context.report({ fraction, message: `${message}; ${note}` }),
  };
  const trained = await train(options, noting, () => undefined);
  if (!trained.ok) return trained;
  const { report, ...rest } = trained.value;
  return ok({ ...rest, report: { ...report, note } });
}

async function readSecondTry(dir: string): Promise<SecondTry | null> {
  const text = await readFile(join(dir, SECOND_TRY_FILE), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return SecondTry.parse(JSON.parse(text));
  } catch {
    // It was cut off while it was written: the first try is tried again.
    return null;
  }
}
