import type { Engine } from "../engine.ts";
import { exportPly } from "../export-ply.ts";
import { longSideLimit } from "../gpu-presets.ts";
import { type BrushMachine, probe } from "./program.ts";
import { earlyExport } from "./run-layout.ts";
import { train } from "./train.ts";

export interface BrushOptions {
  /** The setting BRUSH_PATH. */
  readonly path: string;
  readonly vulkaninfo?: string;
  readonly platform?: NodeJS.Platform;
  /** Whether training on the CPU is allowed; by default it is not. */
  readonly allowCpu?: boolean;
}

/** Brush, from version 0.3 on. */
export function createBrushEngine(options: BrushOptions): Engine {
  const machine: BrushMachine = {
    file: options.path,
    vulkaninfo: options.vulkaninfo ?? "vulkaninfo",
    isMac: (options.platform ?? process.platform) === "darwin",
    allowCpu: options.allowCpu ?? false,
  };
  return {
    name: "brush",
    probe: () => probe(machine),
    longSideLimit,
    train: (dataset, trainOptions, context) => train(machine, dataset, trainOptions, context),
    earlySplat: earlyExport,
    exportSplats: exportPly,
  };
}
