import { join } from "node:path";
import {
  type CompletedUpload,
  type Failure,
  type JobSource,
  type Result,
  toSourcePolicy,
} from "@splatt/shared";
import type { GpuHost } from "../gpu-host.ts";
import type { JobRun, Pipeline } from "../jobs/job-run.ts";
import { toProxySettings } from "../network/proxies.ts";
import { createDownloadStage, DEFAULT_FETCH_LIMITS, type DownloadOutput } from "./download/download-stage.ts";
import type { FetchLimits } from "./download/fetch-file.ts";
import { createExportStage } from "./export/export-stage.ts";
import { writeSummaryFiles } from "./export/summary-files.ts";
import { FRAME_LIMITS } from "./frames/frame-plan.ts";
import { createFramesStage } from "./frames/frames-stage.ts";
import { createPosesStage } from "./poses/poses-stage.ts";
import { runStages } from "./run-stages.ts";
import type { Stage } from "./stage.ts";
import { createTrainStage } from "./train-stage.ts";

const HOUR_MS = 3_600_000;

/** Where a job's video comes from, if not from an address on the web, and where its results go. */
export interface Delivery {
  fetchVideo(run: JobRun, limits: FetchLimits): Stage<Extract<JobSource, { kind: "upload" }>, DownloadOutput>;
  /** Shows a picture of the splat while the job trains, or throws. @param picture a WebP */
  showPreview(run: JobRun, picture: Uint8Array, signal: AbortSignal): Promise<void>;
  /** @param files paths of the result files */
  deliver(
    run: JobRun,
    files: readonly string[],
    signal: AbortSignal,
  ): Promise<Result<CompletedUpload[], Failure>>;
}

/** The way from a video to delivered result files, on a machine. */
export function createPipeline(host: GpuHost, delivery: Delivery): Pipeline {
  const { config, capacity } = host;
  const fetchLimits = { ...DEFAULT_FETCH_LIMITS, maxBytes: config.MAX_SOURCE_BYTES };
  const download = createDownloadStage({
    ...toSourcePolicy(config),
    proxies: toProxySettings(config),
    limits: fetchLimits,
  });
  const frames = createFramesStage({
    ...FRAME_LIMITS,
    ffmpeg: config.FFMPEG_PATH,
    ffprobe: config.FFPROBE_PATH,
    commandTimeoutMs: 3 * HOUR_MS,
  });
  const poses = createPosesStage({
    colmap: config.COLMAP_PATH,
    gpu: capacity.gpus.length > 0,
    threads: config.THREADS,
    commandTimeoutMs: host.limits.poses.maxDurationMs,
    silenceMs: host.limits.poses.maxSilenceMs,
  });

  return runStages({
    host,
    fetchVideo: (stages, source, run) =>
      source.kind === "url"
        ? stages.run(download, source)
        : stages.run(delivery.fetchVideo(run, fetchLimits), source),
    frames,
    poses,
    train: (engine, run) =>
      createTrainStage(engine, (picture, signal) => delivery.showPreview(run, picture, signal)),
    export: (engine) => createExportStage(engine, capacity.gpus.length > 0),
    summarize: (run, exported) =>
      writeSummaryFiles(join(run.dir, "summary"), run.jobLog.path, run.file.record.report, exported),
    deliver: (run, files, signal) => delivery.deliver(run, files, signal),
  });
}
