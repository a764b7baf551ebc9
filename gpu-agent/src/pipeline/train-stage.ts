import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { EngineName } from "@splatt/shared";
import { EARLY_SPLAT_FILE, type Engine, type TrainedModel, type TrainOptions } from "../engines/engine.ts";
import { type ShowPreview, showPreviews } from "./preview/previews.ts";
import type { ResourceToken, Stage, StageContext } from "./stage.ts";
import { CurveRecorder } from "./training-curves.ts";

export interface TrainInput {
  /** The poses stage's folder. */
  readonly datasetDir: string;
  /** The downloaded video. */
  readonly video: string;
  readonly options: TrainOptions;
}

/** The time between checks for a new early splat. */
const PREVIEW_INTERVAL_MS = 10_000;

/** Trains gaussians with an engine. Trainings never share a GPU or the CPU. */
export function createTrainStage(engine: Engine, show: ShowPreview): Stage<TrainInput, TrainedModel> {
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
    async run({ datasetDir, video, options }, context) {
      const trained = new AbortController();
      const previews = showPreviews(
        {
          engine,
          trainDir: context.dir,
          transformsFile: join(datasetDir, "transforms.json"),
          show,
          intervalMs: PREVIEW_INTERVAL_MS,
          log: context.log,
        },
        AbortSignal.any([trained.signal, context.signal]),
      );
      const curves = new CurveRecorder();
      const recorded: StageContext = {
        ...context,
        report: (progress) => {
          if (progress.point !== undefined) curves.add(progress.point);
          context.report(progress);
        },
      };
      try {
        const model = await engine.train({ dir: datasetDir, video }, options, recorded);
        if (model.ok) await curves.save(context.dir);
        return model;
      } finally {
        trained.abort();
        await previews;
        await rm(join(context.dir, EARLY_SPLAT_FILE), { force: true });
      }
    },
  };
}

/** The resource that an engine trains on. */
export function trainToken(engine: EngineName): ResourceToken {
  return engine === "builtin" ? "cpu" : "gpu";
}
