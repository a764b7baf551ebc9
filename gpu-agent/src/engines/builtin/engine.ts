import { copyFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  checkKernels,
  EARLY_SPLAT_NAME,
  type TrainerOptions,
  train,
  trainingSettings,
} from "@splatt/cpu-trainer";
import type { Dataset } from "@splatt/formats";
import {
  counted,
  type EngineProbe,
  err,
  errorText,
  type Failure,
  type FailureCode,
  failure,
  ok,
} from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import { systemFailure } from "../../processes/system-failure.ts";
import type { Engine, TrainedModel, TrainOptions } from "../engine.ts";
import { newestSnapshot, plySnapshots } from "../snapshots.ts";

export { RECOMMENDED_ITERATIONS } from "@splatt/cpu-trainer";

/** Bump when the same input gives a different result. */
const VERSION = "1.2.0";

/** Minimum intervals. */
const CHECKPOINT_INTERVAL_MS = 1000;
const EARLY_SPLAT_INTERVAL_MS = 5000;
const REPORT_INTERVAL_MS = 400;

const EARLY_SPLATS = plySnapshots(".", EARLY_SPLAT_NAME);

/** Trains on the CPU, for machines without a GPU (see @splatt/cpu-trainer). By default on all cores. */
export function createBuiltinEngine(options: Partial<TrainerOptions> = {}): Engine {
  const trainer = {
    threads: Math.max(1, options.threads ?? availableParallelism()),
    checkpointIntervalMs: options.checkpointIntervalMs ?? CHECKPOINT_INTERVAL_MS,
    earlySplatIntervalMs: options.earlySplatIntervalMs ?? EARLY_SPLAT_INTERVAL_MS,
    reportIntervalMs: options.reportIntervalMs ?? REPORT_INTERVAL_MS,
  };
  return {
    name: "builtin",
    probe: async () => probe(trainer.threads),
    longSideLimit: (trainOptions) => trainingSettings(trainOptions).longSide,
    train: (dataset, trainOptions, context) => trainSafely(trainer, dataset, trainOptions, context),
    earlySplat: (trainDir, after) => newestSnapshot(trainDir, EARLY_SPLATS, after),
    exportSplats: (trainDir, model, file) => exportSplats(trainDir, model, file),
  };
}

function probe(threads: number): EngineProbe {
  const checked = checkKernels();
  const reason = checked.ok
    ? `Trains on the CPU, with ${counted(threads, "thread")}.`
    : `This Node.js (${process.version}) cannot run the trainer: ${checked.error}`;
  return { name: "builtin", usable: checked.ok, version: VERSION, reason };
}

async function trainSafely(
  trainer: TrainerOptions,
  dataset: Dataset,
  options: TrainOptions,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  try {
    return await train(trainer, dataset, options, context);
  } catch (error) {
    return err(failureOf(error, "training_failed"));
  }
}

/** Training already wrote the splat in its final form. */
async function exportSplats(
  trainDir: string,
  { model, report }: TrainedModel,
  file: string,
): Promise<StageResult<TrainedModel["report"]>> {
  try {
    await copyFile(join(trainDir, model), file);
    return ok(report);
  } catch (error) {
    return err(failureOf(error, "export_failed"));
  }
}

function failureOf(error: unknown, code: FailureCode): Failure {
  return systemFailure(error) ?? failure(code, errorText(error));
}
