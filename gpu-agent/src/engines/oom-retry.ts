import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { JobOptions, ok } from "@splatt/shared";
import { z } from "zod";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { TrainedModel, TrainOptions } from "./engine.ts";
import type { TrainingProgress } from "./training-progress.ts";

/** In the training's folder: the smaller options of the retry after the GPU ran out of memory. */
const RETRY_FILE = "oom-retry.json";

/** Half the pixels, and with them about half of the memory that rendering takes. */
const SIDE_FACTOR = 0.7;
const GAUSSIANS_FACTOR = 0.7;
/** The smallest value that a job may set. */
const LEAST_SIDE = 64;
const LEAST_GAUSSIANS = 1000;

const Retry = z.object({
  options: JobOptions.pick({ iterations: true, preset: true, max_splats: true, max_resolution: true }),
  /** For the job's message and its report. */
  note: z.string(),
});
type Retry = z.infer<typeof Retry>;

/**
 * The options for a retry after the GPU's memory ran out: fewer pixels and fewer gaussians.
 *
 * @param longSide the longer side, in pixels, at which training ran out of memory
 * @param gaussians their number at that point; null when the program did not print it
 */
export function planRetry(options: TrainOptions, longSide: number, gaussians: number | null): Retry {
  const { iterations, preset } = options;
  const side = Math.max(LEAST_SIDE, Math.round(longSide * SIDE_FACTOR));
  const fewer =
    gaussians === null ? null : Math.max(LEAST_GAUSSIANS, Math.round(gaussians * GAUSSIANS_FACTOR));
  const limits = [options.max_splats, fewer].filter((limit) => limit !== null);
  const maxSplats = limits.length === 0 ? null : Math.min(...limits);
  const atMost = maxSplats === null ? "" : ` and at most ${maxSplats.toLocaleString("en-US")} gaussians`;
  return {
    options: { iterations, preset, max_splats: maxSplats, max_resolution: side },
    note: `retried at ${side} instead of ${longSide} pixels${atMost}: the GPU ran out of memory`,
  };
}

/** Trains once, in `context.dir`. */
export type TrainAttempt = (
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
) => Promise<StageResult<TrainedModel>>;

/**
 * Trains, and retries once with smaller options when the GPU runs out of memory; messages and report then mention it.
 * An interrupted retry is resumed.
 *
 * @param longSide the longer side, in pixels, at which `options` train
 */
export async function trainWithOomRetry(
  options: TrainOptions,
  longSide: number,
  context: StageContext,
  train: TrainAttempt,
): Promise<StageResult<TrainedModel>> {
  const interrupted = await readRetry(context.dir);
  if (interrupted !== null) return trainNoting(interrupted, context, train);

  let gaussians: number | null = null;
  const first = await train(options, context, (progress) => {
    gaussians = progress.gaussians;
  });
  if (first.ok || first.error.code !== "gpu_out_of_memory") return first;
  const retry = planRetry(options, longSide, gaussians);
  context.log.warn({ failure: first.error }, retry.note);
  for (const name of await readdir(context.dir)) await rm(join(context.dir, name), { recursive: true });
  await writeFile(join(context.dir, RETRY_FILE), JSON.stringify(retry));
  return trainNoting(retry, context, train);
}

async function trainNoting(
  { options, note }: Retry,
  context: StageContext,
  train: TrainAttempt,
): Promise<StageResult<TrainedModel>> {
  const noting: StageContext = {
    ...context,
    report: (progress) => context.report({ ...progress, message: `${progress.message}; ${note}` }),
  };
  const trained = await train(options, noting, () => undefined);
  if (!trained.ok) return trained;
  const { report, ...rest } = trained.value;
  return ok({ ...rest, report: { ...report, note } });
}

async function readRetry(dir: string): Promise<Retry | null> {
  const text = await readFile(join(dir, RETRY_FILE), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return Retry.parse(JSON.parse(text));
  } catch {
    // The agent was killed while writing the file. Training restarts with the job's own options.
    return null;
  }
}
