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
import type { Engine } from "../engines/engine.ts";
import type { JobRun, Pipeline } from "../jobs/job-run.ts";
import type { Machine } from "../machine.ts";
import { createDownloadStage, DEFAULT_FETCH_LIMITS, type DownloadOutput } from "./download/download-stage.ts";
import type { FetchLimits } from "./download/fetch-file.ts";
import { createExportStage } from "./export/export-stage.ts";
import { writeSummaryFiles } from "./export/summary-files.ts";
import { createFramesStage } from "./frames/frames-stage.ts";
import { createPosesStage } from "./poses/poses-stage.ts";
import type { Stage } from "./stage.ts";
import { StageRunner } from "./stage-runner.ts";
import { sizeAfter } from "./timing/size-after.ts";
import { createTrainStage } from "./train-stage.ts";

const HOUR_MS = 3_600_000;
/** Pixels and pictures: what COLMAP and the engines make good use of. */
const FRAME_LIMITS = { maxLongSide: 1600, maxFrames: 400, minFrames: 8, maxCandidatesPerFrame: 3 };

/** Where a job's video comes from, if not from an address on the web, and where its results go. */
export interface Delivery {
  fetchVideo(run: JobRun, limits: FetchLimits): Stage<Extract<JobSource, { kind: "upload" }>, DownloadOutput>;
  /** @param files paths of the result files */
  deliver(
    run: JobRun,
    files: readonly string[],
    signal: AbortSignal,
  ): Promise<Result<CompletedUpload[], Failure>>;
}

/** The way from a video to delivered result files, on a machine. */
export function createPipeline(machine: Machine, delivery: Delivery): Pipeline {
  const { config, offer } = machine;
  const fetchLimits = { ...DEFAULT_FETCH_LIMITS, maxBytes: config.MAX_SOURCE_BYTES };
  const download = createDownloadStage({
    allowHttp: config.ALLOW_HTTP,
    allowHosts: config.ALLOW_HOSTS,
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
    gpu: offer.gpus.length > 0,
    threads: config.THREADS,
    commandTimeoutMs: machine.limits.poses.maxDurationMs,
    silenceMs: machine.limits.poses.maxSilenceMs,
  });

  return async (run, signal) => {
    const { source, options } = run.file.record.spec;
    const engine = machine.engineFor(run.file.record.spec);
    if (engine === null) return err(failure("engine_unavailable", offer.reason));
    await run.noteReport({ engine: engineReport(engine, offer) });

    const stages = new StageRunner({
      dir: run.dir,
      signal,
      log: run.log,
      jobLog: run.jobLog,
      tokens: machine.tokens,
      limits: machine.limits,
      since: run.file.record.accepted_at,
      secondsLeft: (stage) => run.secondsLeft(stage),
      finished: (stage) => run.file.record.stages[stage],
      onWait: (_, token) => run.waitFor(token),
      onBegin: (stage, resumed) => run.beginStage(stage, resumed),
      onProgress: (stage, progress) => run.reportProgress(stage, progress),
      onOutput: () => run.heard(),
      onFinish: (stage, record, timing) => {
        run.know(sizeAfter(stage, record, engine.longSideLimit?.(options) ?? null));
        return run.finishStage(stage, record, timing);
      },
    });
    const video =
      source.kind === "url"
        ? await stages.run(download, source)
        : await stages.run(delivery.fetchVideo(run, fetchLimits), source);
    if (!video.ok) return video;
    const file = join(stages.dir("download"), video.value.file);
    const taken = await stages.run(frames, { file, options });
    if (!taken.ok) return taken;

    const framesDir = stages.dir("frames");
    const posed = await stages.run(poses, { framesDir, frames: taken.value, preset: options.preset });
    if (!posed.ok) return posed;
    await run.noteReport({ capture: posed.value.capture });

    const datasetDir = stages.dir("poses");
    const trained = await stages.run(createTrainStage(engine), { datasetDir, video: file, options });
    if (!trained.ok) return trained;
    const trainDir = stages.dir("train");
    const exported = await stages.run(createExportStage(engine, offer.gpus.length > 0), {
      datasetDir,
      trainDir,
      model: trained.value,
    });
    if (!exported.ok) return exported;
    await run.noteReport({ train: exported.value.report });

    const results = exported.value.files.map((filename) => join(stages.dir("export"), filename));
    await run.jobLog.close();
    const summary = await writeSummaryFiles(
      join(run.dir, "summary"),
      run.jobLog.path,
      run.file.record.report,
      exported.value.missing,
    );
    return delivery.deliver(run, [...results, ...summary], signal);
  };
}

function engineReport(engine: Engine, offer: AgentOffer) {
  const probe = offer.engines.find(({ name }) => name === engine.name);
  const isDefault = offer.default_engine === engine.name;
  return {
    name: engine.name,
    version: probe?.version ?? null,
    reason: isDefault ? offer.reason : "asked for by the job",
  };
}
