import type { Dataset } from "@splatt/formats";
import type { EngineName, EngineProbe, JobOptions, TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { Snapshot } from "./snapshots.ts";

export type TrainOptions = Pick<JobOptions, "iterations" | "preset" | "max_splats" | "max_resolution">;

/** The result of training. Paths are relative to the training's folder; other files there belong to the engine. */
export interface TrainedModel {
  readonly report: TrainReport;
  /** The model, for the engine's `exportSplats`. */
  readonly model: string;
  /** The transforms.json in whose frame the model is; by default the dataset's. */
  readonly transforms?: string;
  /**
   * The dataset's transforms.json with poses that the training refined, relative to the training's folder. The names of
   * the images are still relative to the dataset.
   */
  readonly refinedTransforms?: string;
}

/** In the training's folder, during training. */
export const EARLY_SPLAT_FILE = "early-splat.ply";

/** Something that can train a posed image set. */
export interface Engine {
  readonly name: EngineName;
  /** Whether the engine works on this machine, and why not. Called once, at start. */
  probe(): Promise<EngineProbe>;
  /** The longest side, in pixels, at which it would train, for estimates; null keeps the images' size. */
  longSideLimit?(options: TrainOptions): number | null;
  /**
   * Trains on `context.gpu` in `context.dir`, resuming from a checkpoint that an interrupted run left there. The result
   * is in the frame of the dataset's transforms.json, or of one that the training writes.
   */
  train(dataset: Dataset, options: TrainOptions, context: StageContext): Promise<StageResult<TrainedModel>>;
  /**
   * The newest splat of the training running in `trainDir`: a PLY with spherical harmonics in the frame of the
   * dataset's transforms.json. Null when none is newer than step `after`. An engine that has to convert one
   * writes it to EARLY_SPLAT_FILE.
   */
  earlySplat?(trainDir: string, after: number, signal: AbortSignal): Promise<Snapshot | null>;
  /**
   * Writes the model as a PLY with spherical harmonics to `file`, in any layout: the export stage checks it and
   * writes the result files from it.
   *
   * @param trainDir the folder in which `train` ran
   */
  exportSplats(
    trainDir: string,
    model: TrainedModel,
    file: string,
    context: StageContext,
  ): Promise<StageResult<TrainReport>>;
}
