import type { Dataset } from "@splatt/formats";
import type { EngineName, EngineProbe, JobOptions, TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { Snapshot } from "./snapshots.ts";

export type TrainOptions = Pick<JobOptions, "iterations" | "preset" | "max_splats" | "max_resolution">;

/** What training leaves in its folder; paths are relative to it. The rest is the engine's own. */
export interface TrainedModel {
  readonly report: TrainReport;
  /** Where the engine's `exportSplats` finds the model. */
  readonly model: string;
  /** The transforms.json in whose frame the model is, where that is not the dataset's. */
  readonly transforms?: string;
}

/** In the training's folder, from which it is removed when training is over. */
export const EARLY_SPLAT_FILE = "early-splat.ply";

/** Something that can train a posed image set. */
export interface Engine {
  readonly name: EngineName;
  /** Finds out, once at start, whether the engine works on this machine, and why not. */
  probe(): Promise<EngineProbe>;
  /** The longest side, in pixels, at which it would train; null leaves images as they are. Estimates go by it. */
  longSideLimit?(options: TrainOptions): number | null;
  /**
   * Trains on `context.gpu` in `context.dir`, going on from its own checkpoint when an interrupted run left one there.
   * The result is in the frame of the dataset's transforms.json, or in that of one that it leaves.
   */
  train(dataset: Dataset, options: TrainOptions, context: StageContext): Promise<StageResult<TrainedModel>>;
  /**
   * The newest splat that `train`, which runs, has left in `trainDir` so far, in the frame of the dataset's
   * transforms.json: a PLY with spherical harmonics. Null when there is none after the step `after`. One that has to
   * be made for this goes to EARLY_SPLAT_FILE.
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
