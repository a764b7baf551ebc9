import { join } from "node:path";
import {
  type AgentOffer,
  type CompletedUpload,
  engineFor,
  err,
  type Failure,
  type Fence,
  failure,
  type JobSource,
  type Result,
} from "@splatt/shared";
import type { AgentConfig } from "../config.ts";
import { ControlPlaneClient } from "../control-plane-client.ts";
import type { Engine } from "../engines/engine.ts";
import type { JobRun, Pipeline } from "../jobs/job-run.ts";
import { createDownloadStage, DEFAULT_FETCH_LIMITS, type DownloadOutput } from "./download/download-stage.ts";
import { createUploadedVideoStage } from "./download/uploaded-video.ts";
import { createExportStage } from "./export/export-stage.ts";
import { writeSummaryFiles } from "./export/summary-files.ts";
import { createFramesStage } from "./frames/frames-stage.ts";
import { createPosesStage } from "./poses/poses-stage.ts";
import { ResourceTokens } from "./resource-tokens.ts";
import type { StageResult } from "./stage.ts";
import { StageRunner } from "./stage-runner.ts";
import { createTrainStage } from "./train-stage.ts";
import { uploadResults } from "./upload.ts";

const HOUR_MS = 3_600_000;
/** Pixels and pictures: what COLMAP and the engines make good use of. */
const FRAME_LIMITS = { maxLongSide: 1600, maxFrames: 400, minFrames: 8, maxCandidatesPerFrame: 3 };

/** The way from a video to uploaded result files, for an agent with these settings and engines. */
export function createPipeline(
  config: AgentConfig,
  engines: readonly Engine[],
  offer: AgentOffer,
  log: JobRun["log"],
): Pipeline {
  const client = new ControlPlaneClient({
    controlPlane: config.CONTROL_PLANE_URL,
    token: config.AGENT_TOKEN,
    log,
  });
  const limits = { ...DEFAULT_FETCH_LIMITS, maxBytes: config.MAX_SOURCE_BYTES };
  const download = createDownloadStage({
    allowHttp: config.ALLOW_HTTP,
    allowHosts: config.ALLOW_HOSTS,
    limits,
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
    commandTimeoutMs: 12 * HOUR_MS,
    silenceMs: HOUR_MS,
  });
  const tokens = new ResourceTokens({ network: 2, cpu: 1, gpu: Math.max(1, offer.gpus.length) });

  function fetchVideo(
    stages: StageRunner,
    source: JobSource,
    fence: () => Fence,
  ): Promise<StageResult<DownloadOutput>> {
    return source.kind === "url"
      ? stages.run(download, source)
      : stages.run(createUploadedVideoStage(client, fence, limits), source);
  }

  return async (run: JobRun, signal: AbortSignal): Promise<Result<CompletedUpload[], Failure>> => {
    const { source, options } = run.file.record.spec;
    const name = engineFor(options.engine, offer);
    const engine = engines.find((candidate) => candidate.name === name);
    if (engine === undefined) return err(failure("engine_unavailable", offer.reason));
    await run.noteReport({ engine: engineReport(engine, offer) });

    const stages = new StageRunner({
      dir: run.dir,
      signal,
      log: run.log,
      jobLog: run.jobLog,
      tokens,
      finished: (stage) => run.file.record.stages[stage],
      onBegin: (stage) => run.beginStage(stage),
      onProgress: (stage, progress) => run.reportProgress(stage, progress),
      onOutput: () => run.heard(),
      onFinish: (stage, record, timing) => run.finishStage(stage, record, timing),
    });

    const video = await fetchVideo(stages, source, () => run.fence);
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
    return uploadResults(run, [...results, ...summary], client, signal);
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
