import { describe, expect, it } from "vitest";
import { NERFSTUDIO_SCRIPT } from "./python-scripts.ts";
import { commandLine, evalArgs, exportArgs, trainArgs } from "./run-layout.ts";
import type { TrainingPlan } from "./training-plan.ts";

const plan: TrainingPlan = {
  iterations: 5000,
  maxSplats: 100_000,
  width: 960,
  height: 540,
  scale: 0.5,
  cacheImages: "gpu",
  stepsPerSave: 2000,
  shDegree: 2,
  shDegreeInterval: 167,
  cullAlphaThresh: 0.005,
  densifyGradThresh: 0.0005,
  warmupLength: 400,
  stopSplitAt: 2500,
  resolutionSchedule: 500,
  bilateralGrid: true,
};

const TRAIN_LINE = `splatfacto --data nerfstudio-dataset --output-dir nerfstudio-output --experiment-name splat
  --timestamp run --max-num-iterations 5000 --steps-per-save 2000 --vis tensorboard --steps-per-eval-batch 0
  --steps-per-eval-image 0 --steps-per-eval-all-images 0 --logging.local-writer.max-log-size 0
  --logging.steps-per-log 10 --logging.profiler none --pipeline.datamanager.cache-images gpu
  --pipeline.datamanager.camera-res-scale-factor 0.5 --pipeline.model.sh-degree 2
  --pipeline.model.sh-degree-interval 167 --pipeline.model.cull-alpha-thresh 0.005
  --pipeline.model.densify-grad-thresh 0.0005 --pipeline.model.warmup-length 400
  --pipeline.model.stop-split-at 2500 --pipeline.model.resolution-schedule 500
  --pipeline.model.use-bilateral-grid True --pipeline.model.color-corrected-metrics True
  --optimizers.means.scheduler.max-steps 5000`;
const DATAPARSER = `nerfstudio-data --downscale-factor 1 --orientation-method none --center-method none
  --auto-scale-poses False`;
const CONFIG = "nerfstudio-output/splat/splatfacto/run/config.yml";

describe("argument lists", () => {
  it.each([
    {
      name: "train",
      args: trainArgs(plan, null),
      line: `train ${TRAIN_LINE} ${DATAPARSER}`,
    },
    {
      name: "resume",
      args: trainArgs(plan, "some/step-000002000.ckpt"),
      line: `train ${TRAIN_LINE} --load-checkpoint some/step-000002000.ckpt ${DATAPARSER}`,
    },
    {
      name: "evaluate",
      args: evalArgs(),
      line: `eval --load-config ${CONFIG} --output-path held-out-metrics.json`,
    },
    {
      name: "export",
      args: exportArgs("/jobs/1/export", "baked_splat_sh.ply"),
      line: `export gaussian-splat --load-config ${CONFIG} --output-dir /jobs/1/export
        --output-filename baked_splat_sh.ply --ply-color-mode sh_coeffs`,
    },
  ])("to $name", ({ args, line }) => {
    expect(args).toEqual(line.split(/\s+/));
  });

  it("are joined for one process", () => {
    expect(commandLine(["train", "a"], ["eval", "b"], ["export"])).toEqual([
      NERFSTUDIO_SCRIPT,
      ...["train", "a", "--then", "eval", "b", "--then", "export"],
    ]);
    expect(commandLine(["eval"])).toEqual([NERFSTUDIO_SCRIPT, "eval"]);
  });
});
