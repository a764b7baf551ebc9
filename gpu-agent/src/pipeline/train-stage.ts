import type { EngineName } from "@splatt/shared";
import type { Engine, TrainedModel, TrainOptions } from "../engines/engine.ts";
import type { ResourceToken, Stage } from "./stage.ts";

export interface TrainInput {
  /** The folder that the poses stage left. */
  readonly datasetDir: string;
  /** The file that the download stage left. */
  readonly video: string;
  readonly options: TrainOptions;
}

/** Trains gaussians with an engine; two trainings never share a GPU, nor a processor. */
export function createTrainStage(engine: Engine): Stage<TrainInput, TrainedModel> {
  return {
    name: "train",
    token: trainToken(engine.name),
    key: ({ options: { iterations, preset, max_splats, max_resolution } }) => [
      engine.name,
      iterations,
      preset,
      max_splats,
      max_resolution,
    ],
    run: ({ datasetDir, video, options }, context) =>
      engine.train({ dir: datasetDir, video }, options, context),
  };
}

/** What an engine trains on. */
export function trainToken(engine: EngineName): ResourceToken {
  return engine === "builtin" ? "cpu" : "gpu";
}
