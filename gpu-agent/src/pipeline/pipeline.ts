import { join } from "node:path";
import { type CompletedUpload, type JobSource, toSourcePolicy } from "@splatt/shared";
import type { GpuHost } from "../gpu-host.ts";
import { toProxySettings } from "../network/proxies.ts";
import { colmapPrograms } from "../tools/colmap-programs.ts";
import { createDownloadStage, DEFAULT_FETCH_LIMITS, type DownloadOutput } from "./download/download-stage.ts";
import type { FetchLimits } from "./download/fetch-file.ts";
import { createExportStage } from "./export/export-stage.ts";
import { writeSummaryFiles } from "./export/summary-files.ts";
import { FRAME_LIMITS } from "./frames/frame-plan.ts";
import { createFramesStage } from "./frames/frames-stage.ts";
import type { Pipeline, PipelineJob } from "./pipeline-job.ts";
import { createPosesStage } from "./poses/poses-stage.ts";
import { runStages } from "./run-stages.ts";
import type { Stage, StageResult } from "./stage.ts";
import type { StageRunner } from "./stage-runner.ts";
import { createTrainStage } from "./train-stage.ts";
import { readCurves } from "./training-curves.ts";

const HOUR_MS = 3_600_000;

/** Where uploaded videos come from and where results go. */
export interface Delivery {
  fetchVideo(
    job: PipelineJob,
    limits: FetchLimits,
  ): Stage<Extract<JobSource, { kind: "upload" }>, DownloadOutput>;
  /** Publishes a preview of the splat during training. Throws when that fails. @param picture a WebP */
  showPreview(job: PipelineJob, picture: Uint8Array, signal: AbortSignal): Promise<void>;
  /** @param files paths of the result files */
  deliver(
    stages: StageRunner,
    job: PipelineJob,
    files: readonly string[],
  ): Promise<StageResult<CompletedUpload[]>>;
}

/** The pipeline of this host, from video to delivered result files. */
export function createPipeline(host: GpuHost, delivery: Delivery): Pipeline {
  const { config, capacity } = host;
  const fetchLimits = { ...DEFAULT_FETCH_LIMITS, maxBytes: config.MAX_SOURCE_BYTES };
  const download = createDownloadStage({
    ...toSourcePolicy(config),
    proxies: toProxySettings(config),
    contact: config.DOWNLOAD_CONTACT,
    limits: fetchLimits,
  });
  const frames = createFramesStage({
    ...FRAME_LIMITS,
    ffmpeg: config.FFMPEG_PATH,
    ffprobe: config.FFPROBE_PATH,
    commandTimeoutMs: 3 * HOUR_MS,
  });
  const poses = createPosesStage({
    colmap: colmapPrograms(config),
    gpu: capacity.gpus.length > 0,
    threads: config.THREADS,
    commandTimeoutMs: host.limits.poses.maxDurationMs,
    silenceMs: host.limits.poses.maxSilenceMs,
  });

  return runStages({
    host,
    fetchVideo: (stages, source, job) =>
      source.kind === "url"
        ? stages.run(download, source)
        : stages.run(delivery.fetchVideo(job, fetchLimits), source),
    frames,
    poses,
    train: (engine, job) =>
      createTrainStage(engine, (picture, signal) => delivery.showPreview(job, picture, signal)),
    export: (engine) => createExportStage(engine, { ffmpeg: config.FFMPEG_PATH, threads: config.THREADS }),
    summarize: async (job, exported, trainDir) =>
      writeSummaryFiles(join(job.dir, "summary"), job.jobLog.path, {
        report: job.report,
        exported,
        curves: await readCurves(trainDir),
      }),
    deliver: (stages, job, files) => delivery.deliver(stages, job, files),
  });
}
