import type { EngineName, StageName } from "@splatt/shared";
import type { JobSize } from "./job-size.ts";

/** The expected time of a stage before its first run on this machine; seconds. */
export interface StageSeed {
  readonly preparing: number;
  readonly perUnit: number;
  /** The work of a typical job, used while the actual work is unknown. */
  readonly units: number;
  /** Whether more CPU cores make it faster. */
  readonly onCpu: boolean;
}

/** The machine on which the CPU stages were measured; see docs/benchmarks.md. */
const MEASURED_CORES = 2;
/** More cores than this gain COLMAP and the trainer little. */
const MOST_USEFUL_CORES = 16;

const SECONDS_PER_FRAME = { draft: 0.5, standard: 0.85, high: 2 } as const;

/** An iteration's time per pixel. The GPU's are from published times of an A100 and of a TITAN RTX. */
const SECONDS_PER_STEP_AND_PIXEL: { readonly [engine in EngineName]: number } = {
  nerfstudio: 2e-8,
  brush: 2e-8,
  opensplat: 3e-8,
  command: 2e-8,
  builtin: 1.8e-7,
};
/** Until its first step: nerfstudio imports PyTorch and loads all images. */
const SECONDS_TO_START: { readonly [engine in EngineName]: number } = {
  nerfstudio: 40,
  brush: 10,
  opensplat: 15,
  command: 30,
  builtin: 2,
};
const BYTES_PER_GAUSSIAN = 300;

export function seedOf(stage: StageName, size: Pick<JobSize, "engine" | "preset" | "iterations">): StageSeed {
  const { engine, preset, iterations } = size;
  const onCpu = engine === "builtin";
  const gaussians = onCpu ? 40_000 : 500_000;
  switch (stage) {
    case "download":
      return { preparing: 0.5, perUnit: 1 / 15e6, units: 50e6, onCpu: false };
    case "frames":
      return { preparing: 0.5, perUnit: 2e-7, units: 50e6, onCpu: true };
    case "poses":
      return { preparing: 0.5, perUnit: SECONDS_PER_FRAME[preset], units: 80, onCpu: true };
    case "train": {
      const pixels = onCpu ? 200_000 : 1_000_000;
      const perUnit = SECONDS_PER_STEP_AND_PIXEL[engine];
      return { preparing: SECONDS_TO_START[engine], perUnit, units: iterations * pixels, onCpu };
    }
    case "export":
      return { preparing: onCpu ? 0.5 : 15, perUnit: onCpu ? 1.3e-4 : 3e-5, units: gaussians, onCpu: false };
    case "upload":
      return { preparing: 0.5, perUnit: 1 / 8e6, units: gaussians * BYTES_PER_GAUSSIAN, onCpu: false };
  }
}

/** The speed of a machine with this many cores, relative to the one that the seeds were measured on. */
export function cpuSpeed(cores: number): number {
  return Math.min(MOST_USEFUL_CORES, Math.max(1, cores)) / MEASURED_CORES;
}

/** Whether the CPU, rather than the network or the GPU, limits a stage's speed. */
export function runsOnCpu(stage: StageName, engine: EngineName): boolean {
  return (
    stage === "frames" ||
    stage === "poses" ||
    (engine === "builtin" && stage !== "download" && stage !== "upload")
  );
}
