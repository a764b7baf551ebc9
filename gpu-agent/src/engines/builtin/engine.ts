import { copyFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type EngineProbe, err, failure, ok } from "@splatt/shared";
import type { StageResult } from "../../pipeline/stage.ts";
import { systemFailure } from "../../processes/system-failure.ts";
import type { Engine, TrainedModel } from "../engine.ts";
import { earlySplat } from "./early-splat.ts";
import { compileKernels } from "./kernels/kernels.ts";
import { planMemory } from "./memory-layout.ts";
import { train } from "./trainer.ts";
import { trainingSettings } from "./training-settings.ts";

export { RECOMMENDED_ITERATIONS } from "./training-settings.ts";

/** Changes whenever the same input gives another result. */
const VERSION = "1.0.0";

/** The shortest times between two of a kind. */
const CHECKPOINT_INTERVAL_MS = 1000;
const EARLY_SPLAT_INTERVAL_MS = 5000;
const REPORT_INTERVAL_MS = 400;

export interface BuiltinOptions {
  /** Threads to train on; by default as many as there are processor cores. */
  readonly threads?: number;
  readonly checkpointIntervalMs?: number;
  readonly earlySplatIntervalMs?: number;
  readonly reportIntervalMs?: number;
}

/** Our own trainer, for machines without a GPU. README.md in this folder tells how it works. */
export function createBuiltinEngine(options: BuiltinOptions = {}): Engine {
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
    train: (dataset, trainOptions, context) => train(trainer, dataset, trainOptions, context),
    earlySplat,
    exportSplats: (trainDir, model, file) => exportSplats(trainDir, model, file),
  };
}

/** The kernels need WebAssembly's SIMD and Relaxed SIMD, which any Node from version 22 on has. */
function probe(threads: number): EngineProbe {
  const tiny = { capacity: 1, shDegree: 0, width: 1, height: 1, threads: 1, frameBytes: 0 };
  try {
    compileKernels(planMemory(tiny));
  } catch (error) {
    const reason = `This Node.js (${process.version}) cannot run the trainer: ${error}`;
    return { name: "builtin", usable: false, version: VERSION, reason };
  }
  const reason = `Trains on the processor, with ${threads} thread${threads === 1 ? "" : "s"}.`;
  return { name: "builtin", usable: true, version: VERSION, reason };
}

/** Training leaves the splat as it is to be exported. */
async function exportSplats(
  trainDir: string,
  { model, report }: TrainedModel,
  file: string,
): Promise<StageResult<TrainedModel["report"]>> {
  try {
    await copyFile(join(trainDir, model), file);
    return ok(report);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return err(systemFailure(error) ?? failure("export_failed", words));
  }
}
