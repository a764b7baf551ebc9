import type { Engine } from "../engine.ts";
import { longSideLimit } from "../gpu-presets.ts";
import { freeGpuMemory } from "../gpus.ts";
import { earlySplat } from "./early-splat.ts";
import { exportSplats } from "./export.ts";
import { findInstallation } from "./installation.ts";
import { probe } from "./probe.ts";
import { type TrainingMachine, train } from "./train.ts";

export interface NerfstudioOptions {
  /** The setting NERF_PYTHON_PATH: the Python of the environment that nerfstudio is installed in. */
  readonly pythonPath: string | null;
  /** The UUID of the GPU to probe, and to train on when the stage has none; null leaves the choice to CUDA. */
  readonly gpuUuid?: string | null;
  /** Bytes free on that GPU, null when unknown; by default from nvidia-smi. */
  readonly freeGpuMemory?: TrainingMachine["freeGpuMemory"];
}

/** nerfstudio's splatfacto, from version 1.1.5 on. */
export function createNerfstudioEngine(options: NerfstudioOptions): Engine {
  const machine: TrainingMachine = {
    installation: findInstallation(options.pythonPath),
    gpuUuid: options.gpuUuid ?? null,
    freeGpuMemory: options.freeGpuMemory ?? freeGpuMemory,
  };
  return {
    name: "nerfstudio",
    probe: () => probe(machine.installation, machine.gpuUuid),
    longSideLimit,
    train: (dataset, trainOptions, context) =>
      train({ ...machine, gpuUuid: context.gpu ?? machine.gpuUuid }, dataset, trainOptions, context),
    earlySplat: (trainDir, after, signal) => earlySplat(machine.installation, trainDir, after, signal),
    exportSplats: (trainDir, model, file, context) =>
      exportSplats(machine.installation, trainDir, model, file, context),
  };
}
