import type { Engine } from "../engine.ts";
import { exportPly } from "../export-ply.ts";
import { longSideLimit } from "../gpu-presets.ts";
import { freeGpuMemory } from "../gpus.ts";
import { type OpensplatMachine, probe } from "./program.ts";
import { earlySave } from "./run-layout.ts";
import { train } from "./train.ts";

export interface OpensplatOptions {
  /** The setting OPENSPLAT_PATH. */
  readonly path: string;
  /** The UUID of the GPU to probe, and to train on when the stage has none; null leaves the choice to CUDA. */
  readonly gpuUuid?: string | null;
  /** Bytes free on that GPU, null when unknown; by default from nvidia-smi. */
  readonly freeGpuMemory?: OpensplatMachine["freeGpuMemory"];
  /** Whether training on the CPU is allowed; by default it is not. */
  readonly allowCpu?: boolean;
}

/** OpenSplat, from version 1.1.5 on. */
export function createOpensplatEngine(options: OpensplatOptions): Engine {
  const machine: OpensplatMachine = {
    file: options.path,
    gpuUuid: options.gpuUuid ?? null,
    freeGpuMemory: options.freeGpuMemory ?? freeGpuMemory,
    allowCpu: options.allowCpu ?? false,
  };
  return {
    name: "opensplat",
    probe: () => probe(machine),
    longSideLimit,
    train: (dataset, trainOptions, context) =>
      train({ ...machine, gpuUuid: context.gpu ?? machine.gpuUuid }, dataset, trainOptions, context),
    earlySplat: earlySave,
    exportSplats: exportPly,
  };
}
