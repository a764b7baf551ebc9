import { join } from "node:path";
import {
  type AgentOffer,
  type CaptureReport,
  type CompletedUpload,
  err,
  failure,
  type JobSource,
} from "@splatt/shared";
import type { Engine, TrainedModel } from "../engines/engine.ts";
import type { GpuHost } from "../gpu-host.ts";
import type { DownloadOutput } from "./download/download-stage.ts";
import type { ExportInput, ExportOutput } from "./export/export-stage.ts";
import { judgeResult } from "./export/result-verdict.ts";
import type { FramesInput, FramesOutput } from "./frames/frames-stage.ts";
import type { Pipeline, PipelineJob } from "./pipeline-job.ts";
import type { PosesInput, PosesOutput } from "./poses/poses-stage.ts";
import { measuredCapture } from "./scale/with-scale.ts";
import type { Stage, StageResult } from "./stage.ts";
import { StageRunner } from "./stage-runner.ts";
import type { TrainInput } from "./train-stage.ts";

/** The stages of a pipeline, and their connections to the host and to the delivery of results. */
export interface PipelineParts {
  readonly host: Pick<GpuHost, "capacity" | "tokens" | "limits" | "engineFor" | "toolFailure">;
  readonly fetchVideo: (
    stages: StageRunner,
    source: JobSource,
    job: PipelineJob,
  ) => Promise<StageResult<DownloadOutput>>;
  readonly frames: Stage<FramesInput, FramesOutput>;
  readonly poses: Stage<PosesInput, PosesOutput>;
  readonly train: (engine: Engine, job: PipelineJob) => Stage<TrainInput, TrainedModel>;
  readonly export: (engine: Engine) => Stage<ExportInput, ExportOutput>;
  /** Writes files that summarise the whole run. @returns their paths */
  readonly summarize: (job: PipelineJob, exported: ExportOutput, trainDir: string) => Promise<string[]>;
  /** @param files paths of the result files */
  readonly deliver: (
    stages: StageRunner,
    job: PipelineJob,
    files: readonly string[],
  ) => Promise<StageResult<CompletedUpload[]>>;
}

/** Runs the stages in order, each on the output of the ones before, and delivers the results. */
export function runStages(parts: PipelineParts): Pipeline {
  const { host } = parts;
  const { capacity } = host;
  return async (job, signal) => {
    if (host.toolFailure !== null) return err(host.toolFailure);
    const { source, options } = job.spec;
    const engine = host.engineFor(job.spec);
    if (engine === null) return err(failure("engine_unavailable", capacity.reason));
    job.noteReport({ engine: engineReport(engine, capacity) });

    const stages = new StageRunner({ job, signal, tokens: host.tokens, limits: host.limits });
    const video = await parts.fetchVideo(stages, source, job);
    if (!video.ok) return video;
    const file = join(stages.dir("download"), video.value.file);
    const frames = await stages.run(parts.frames, { files: [{ path: file, name: "source" }], options });
    if (!frames.ok) return frames;

    const framesDir = stages.dir("frames");
    const { preset, up } = options;
    const posed = await stages.run(parts.poses, { framesDir, frames: frames.value, preset, up });
    if (!posed.ok) return posed;
    const datasetDir = stages.dir("poses");
    const reference = options.scale_reference;
    const measured = (report: CaptureReport) => measuredCapture(report, reference, datasetDir, frames.value);
    const capture = await measured(posed.value.capture);
    job.noteReport({ capture });

    const trained = await stages.run(parts.train(engine, job), { datasetDir, video: file, options });
    if (!trained.ok) return trained;
    const trainDir = stages.dir("train");
    const jobSeconds = job.report.stages.reduce((sum, { seconds }) => sum + seconds, 0);
    const model = trained.value;
    const exported = await stages.run(parts.export(engine), { datasetDir, trainDir, model, jobSeconds });
    if (!exported.ok) return exported;
    const { report, views } = exported.value;
    // The cameras alone cannot tell whether the views are near enough for the scene; the finished splat can.
    const { result, between } = judgeResult({ train: report, views, capture });
    const settled = between === "unknown" ? undefined : posed.value.captureOnce?.[between];
    job.noteReport({
      capture: settled === undefined ? capture : await measured(settled),
      train: report,
      result,
    });

    const results = exported.value.files.map((filename) => join(stages.dir("export"), filename));
    await job.jobLog.close();
    const summary = await parts.summarize(job, exported.value, trainDir);
    return parts.deliver(stages, job, [...results, ...summary]);
  };
}

function engineReport(engine: Engine, capacity: AgentOffer) {
  const probe = capacity.engines.find(({ name }) => name === engine.name);
  const isDefault = capacity.default_engine === engine.name;
  return {
    name: engine.name,
    version: probe?.version ?? null,
    reason: isDefault ? capacity.reason : "chosen by the job",
  };
}
