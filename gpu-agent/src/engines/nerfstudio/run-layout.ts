import { join } from "node:path";
import { NERFSTUDIO_SCRIPT } from "./python-scripts.ts";
import type { TrainingPlan } from "./training-plan.ts";

/*
 * nerfstudio's arguments, input and output. Paths are relative to the folder that a training runs in: it is renamed
 * after the training, and the paths in config.yml must stay valid. The names are not valid Python module names.
 */

export const DATASET_DIR = "nerfstudio-dataset";
const OUTPUT_DIR = "nerfstudio-output";
const EXPERIMENT = "splat";
const RUN = "run";
/** Both splatfacto and splatfacto-big are filed under this name. */
const METHOD = "splatfacto";
const RUN_DIR = join(OUTPUT_DIR, EXPERIMENT, METHOD, RUN);

export const CONFIG_FILE = join(RUN_DIR, "config.yml");
export const CHECKPOINT_DIR = join(RUN_DIR, "nerfstudio_models");
export const METRICS_FILE = "held-out-metrics.json";

/**
 * The arguments of the Python that runs nerfstudio's programs one after another, in one process. They go through our
 * start script, which fixes bugs of 1.1.5 (see python/splatfacto_fixes.py).
 */
export function commandLine(...programs: readonly (readonly string[])[]): string[] {
  return [NERFSTUDIO_SCRIPT, ...programs.flatMap((args, i) => (i === 0 ? args : ["--then", ...args]))];
}

/**
 * ns-train for nerfstudio 1.1.5. `--max-num-iterations` is the total also when a checkpoint is resumed.
 *
 * @param resumeFrom a checkpoint, relative to the training's folder
 */
export function trainArgs(plan: TrainingPlan, resumeFrom: string | null): string[] {
  return [
    ...["train", METHOD],
    ...["--data", DATASET_DIR],
    ...["--output-dir", OUTPUT_DIR],
    ...["--experiment-name", EXPERIMENT],
    ...["--timestamp", RUN],
    ...["--max-num-iterations", String(plan.iterations)],
    ...["--steps-per-save", String(plan.stepsPerSave)],
    // The only choice that opens no port and needs no account. It would also enable evaluations during training,
    // which cost time and are useless here; 0 disables them.
    ...["--vis", "tensorboard"],
    ...["--steps-per-eval-batch", "0"],
    ...["--steps-per-eval-image", "0"],
    ...["--steps-per-eval-all-images", "0"],
    // One line for each row of progress, instead of ten that are rewritten with cursor movements.
    ...["--logging.local-writer.max-log-size", "0"],
    ...["--logging.steps-per-log", "10"],
    ...["--logging.profiler", "none"],
    ...["--pipeline.datamanager.cache-images", plan.cacheImages],
    ...["--pipeline.datamanager.camera-res-scale-factor", String(plan.scale)],
    ...["--pipeline.model.sh-degree", String(plan.shDegree)],
    ...["--pipeline.model.sh-degree-interval", String(plan.shDegreeInterval)],
    ...["--pipeline.model.cull-alpha-thresh", String(plan.cullAlphaThresh)],
    ...["--pipeline.model.densify-grad-thresh", String(plan.densifyGradThresh)],
    ...["--pipeline.model.warmup-length", String(plan.warmupLength)],
    ...["--pipeline.model.stop-split-at", String(plan.stopSplitAt)],
    ...["--pipeline.model.resolution-schedule", String(plan.resolutionSchedule)],
    ...["--pipeline.model.use-bilateral-grid", plan.bilateralGrid ? "True" : "False"],
    ...["--pipeline.model.color-corrected-metrics", "True"],
    ...["--optimizers.means.scheduler.max-steps", String(plan.iterations)],
    ...(resumeFrom === null ? [] : ["--load-checkpoint", resumeFrom]),
    // The dataset's poses are already upright, centred and of unit scale; the result must stay in their frame.
    "nerfstudio-data",
    ...["--downscale-factor", "1"],
    ...["--orientation-method", "none"],
    ...["--center-method", "none"],
    ...["--auto-scale-poses", "False"],
  ];
}

/** ns-eval: PSNR and SSIM on the dataset's test frames, into METRICS_FILE. */
export function evalArgs(): string[] {
  return ["eval", ...["--load-config", CONFIG_FILE], ...["--output-path", METRICS_FILE]];
}

/** ns-export; must run in the training's folder. */
export function exportArgs(outputDir: string, filename: string): string[] {
  return [
    ...["export", "gaussian-splat"],
    ...["--load-config", CONFIG_FILE],
    ...["--output-dir", outputDir],
    ...["--output-filename", filename],
    ...["--ply-color-mode", "sh_coeffs"],
  ];
}
