import { join } from "node:path";
import type { ColmapPaths } from "./colmap-commands.ts";
import type { ColmapProblem } from "./colmap-output.ts";
import type { ModelFault } from "./model-check.ts";
import type { PoseSettings } from "./settings.ts";

/** The settings of a pass, on the GPU and on the CPU. */
export type PassPlan = (gpu: boolean) => PoseSettings;

/** Receives a completed share, 0–1, and COLMAP's current activity. */
export type PassReport = (fraction: number, message: string) => void;

/** A usable model that the mapper left. */
export interface PlacedModel {
  /** Its folder. */
  readonly dir: string;
  /** The names of its images. */
  readonly names: readonly string[];
  readonly points: number;
}

/** The outcome of a COLMAP pass. */
export interface PassOutcome {
  /** The usable models, the one with the most images first. */
  readonly models: readonly PlacedModel[];
  /** Mean number of features per image. */
  readonly features: number;
  /** Images that match at least one other. */
  readonly connected: number;
  readonly problem: ColmapProblem | null;
  /** What is wrong with the models, when none is usable; null otherwise. */
  readonly fault: ModelFault | null;
  /** COLMAP's last lines. */
  readonly lastWords: string;
}

/** The images of the largest model. */
export function registeredIn({ models }: Pick<PassOutcome, "models">): number {
  return models[0]?.names.length ?? 0;
}

/** The files of a pass in `dir`. */
export function passPaths(dir: string, images: string): ColmapPaths {
  return {
    database: join(dir, "database.db"),
    sparse: join(dir, "sparse"),
    pairs: join(dir, "pairs.txt"),
    images,
  };
}
