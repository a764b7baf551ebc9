import { join } from "node:path";
import {
  type AgentOffer,
  type CompletedUpload,
  err,
  type Failure,
  failure,
  type JobSource,
  type Result,
} from "@splatt/shared";
import type { Engine, TrainedModel } from "../engines/engine.ts";
import type { GpuHost } from "../gpu-host.ts";
import type { JobRun, Pipeline } from "../jobs/job-run.ts";
import type { DownloadOutput } from "./download/download-stage.ts";
import type { ExportInput, ExportOutput } from "./export/export-stage.ts";
import type { FramesInput, FramesOutput } from "./frames/frames-stage.ts";
import type { PosesInput, PosesOutput } from "./poses/poses-stage.ts";
import type { Stage, StageResult } from "./stage.ts";
import { StageRunner } from "./stage-runner.ts";
import { sizeAfter } from "./timing/size-after.ts";
import type { TrainInput } from "./train-stage.ts";

/** What a pipeline is made of. */
export interface PipelineParts {
  readonly host: Pick<GpuHost, "capacity" | "tokens" | "limits" | "engineFor">;
  readonly fetchVideo: (
    stages: StageRunner,
    source: JobSource,
    run: JobRun,
  ) => Promise<StageResult<DownloadOutput>>;
  readonly frames: Stage<FramesInput, FramesOutput>;
  readonly poses: Stage<PosesInput, PosesOutput>;
  readonly train: (engine: Engine, run: JobRun) => Stage<TrainInput, TrainedModel>;
  readonly export: (engine: Engine) => Stage<ExportInput, ExportOutput>;
  /** Writes what tells of the whole run. @returns the files' paths */
  readonly summarize: (run: JobRun, exported: ExportOutput) => Promise<string[]>;
  /** @param files paths of the result files */
  readonly deliver: (
    run: JobRun,
    files: readonly string[],
    signal: AbortSignal,
  ) => Promise<Result<CompletedUpload[], Failure>>;
}

/** The stages in their order, each fed with what the one before left; then the delivery of the results. */
export function runStages(parts: PipelineParts): Pipeline {
  const { host } = parts;
  const { capacity } = host;
  return async (run, signal) => {
    const { source, options } = run.file.record.spec;
    const engine = host.engineFor(run.file.record.spec);
    if (engine === null) return err(failure("engine_unavailable", capacity.reason));
    run.noteReport({ engine: engineReport(engine, capacity) });

    const stages = new StageRunner({
      dir: run.dir,
      signal,
      log: run.log,
      jobLog: run.jobLog,
      tokens: host.tokens,
      limits: host.limits,
      since: run.file.record.accepted_at,
      secondsLeft: (stage) => run.secondsLeft(stage),
      finished: (stage) => run.file.record.stages[stage],
      onWait: (_, token) => run.waitFor(token),
      onBegin: (stage, resumed) => run.beginStage(stage, resumed),
      onProgress: (stage, progress) => run.reportProgress(stage, progress),
      onOutput: () => run.noteActivity(),
      onFinish: (stage, record, timing) => {
        run.updateSize(sizeAfter(stage, record, engine.longSideLimit?.(options) ?? null));
        return run.finishStage(stage, record, timing);
      },
    });
    const video = await parts.fetchVideo(stages, source, run);
    if (!video.ok) return video;
    const file = join(stages.dir("download"), video.value.file);
    const taken = await stages.run(parts.frames, { file, options });
    if (!taken.ok) return taken;

    const framesDir = stages.dir("frames");
    const posed = await stages.run(parts.poses, { framesDir, frames: taken.value, preset: options.preset });
    if (!posed.ok) return posed;
    run.noteReport({ capture: posed.value.capture });

    const datasetDir = stages.dir("poses");
    const trained = await stages.run(parts.train(engine, run), { datasetDir, video: file, options });
    if (!trained.ok) return trained;
    const trainDir = stages.dir("train");
    const exported = await stages.run(parts.export(engine), { datasetDir, trainDir, model: trained.value });
    if (!exported.ok) return exported;
    run.noteReport({ train: exported.value.report });

    const results = exported.value.files.map((filename) => join(stages.dir("export"), filename));
    await run.jobLog.close();
    const summary = await parts.summarize(run, exported.value);
    return parts.deliver(run, [...results, ...summary], signal);
  };
}

function engineReport(engine: Engine, capacity: AgentOffer) {
  const probe = capacity.engines.find(({ name }) => name === engine.name);
  const isDefault = capacity.default_engine === engine.name;
  return {
    name: engine.name,
    version: probe?.version ?? null,
    reason: isDefault ? capacity.reason : "asked for by the job",
  };
}
