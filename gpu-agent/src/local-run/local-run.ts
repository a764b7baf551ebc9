import { randomUUID } from "node:crypto";
import { copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type CompletedUpload,
  err,
  type Failure,
  failure,
  type JobOptions,
  type JobReport,
  type JobSpec,
  ok,
  PREVIEW_FILE,
  type Result,
  STAGES,
} from "@splatt/shared";
import type { ShownJob } from "@splatt/shared/terminal";
import type { Logger } from "pino";
import { sha256OfFile } from "../files/sha256-of-file.ts";
import type { GpuHost } from "../gpu-host.ts";
import { createJobRun } from "../jobs/create-job-run.ts";
import {
  type JobRecord,
  JobRecordFile,
  loadJobRecord,
  newJobRecord,
  nextAttempt,
} from "../jobs/job-record.ts";
import type { JobRun } from "../jobs/job-run.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import type { Pipeline } from "../pipeline/pipeline-job.ts";
import { type LocalVideo, localVideoStage } from "./local-video.ts";

/** A video file on this machine, or a URL to download. */
export type LocalSource =
  | { readonly kind: "file"; readonly video: LocalVideo }
  | { readonly kind: "url"; readonly url: string };

export interface LocalRunOptions {
  readonly host: GpuHost;
  readonly source: LocalSource;
  readonly options: JobOptions;
  /** The folder for the results. Finished stages are kept in its subfolder `WORK_FOLDER`, for the next run. */
  readonly out: string;
  readonly log: Logger;
  readonly onProgress: (job: ShownJob) => void;
  readonly signal: AbortSignal;
}

export interface LocalResult {
  readonly report: JobReport;
  /** The result files, in the folder. */
  readonly files: readonly Pick<CompletedUpload, "filename" | "size" | "sha256">[];
}

/** The subfolder of the results for finished and interrupted stages. */
export const WORK_FOLDER = "work";
const PROGRESS_MS = 250;

/**
 * Turns a video into a splat on this machine alone. It runs the same pipeline, with the same job record, as a job from
 * the control plane, so a repeated run resumes where the last one stopped and reuses stages whose options did not
 * change. This function takes the Dispatcher's place: it acknowledges the job's messages and shows its progress.
 */
export async function runLocally(run: LocalRunOptions): Promise<Result<LocalResult, Failure>> {
  const { host, source, out, log, signal } = run;
  const dir = join(out, WORK_FOLDER);
  await mkdir(dir, { recursive: true });
  const record = await localRecord(dir, {
    source: source.kind === "url" ? source : { kind: "upload", size: source.video.size },
    options: run.options,
    retry_of: null,
  });
  const ended = Promise.withResolvers<void>();
  let outcome: Result<LocalResult, Failure> = err(failure("agent_stopped", ""));
  let status: ShownJob["status"] = "queued";
  const job: JobRun = createJobRun({
    host,
    stages: LOCAL_STAGES,
    dir,
    file: new JobRecordFile(dir, record),
    log,
    send: (message) => {
      if (message.type === "job.stage") {
        status = message.status;
        run.onProgress({ ...message, eta_seconds: null });
      }
      if (message.type === "job.progress") run.onProgress({ ...message, status });
      if (message.type === "job.complete") outcome = ok({ report: message.report, files: message.uploads });
      if (message.type === "job.fail") outcome = err(failure(message.code, message.detail));
      if ("seq" in message) queueMicrotask(() => void job.acked(message.seq));
      return true;
    },
    // Only then are all writes done.
    onEnd: () => ended.resolve(),
  });
  const timer = setInterval(() => job.flushProgress(), PROGRESS_MS);
  const onAbort = () => void job.stop("shutdown").then(ended.resolve);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) return outcome;
    job.start(localPipeline(run));
    await ended.promise;
    return outcome;
  } finally {
    clearInterval(timer);
  }
}

const LOCAL_STAGES = STAGES.filter((stage) => stage !== "upload");

/** The job record, with the stages that an earlier run in the same folder finished. */
async function localRecord(dir: string, spec: JobSpec): Promise<JobRecord> {
  const known = await loadJobRecord(dir);
  const fence = {
    job_id: known?.fence.job_id ?? randomUUID(),
    attempt: (known?.fence.attempt ?? 0) + 1,
    lease_id: randomUUID(),
  };
  const now = Date.now();
  return known === null ? newJobRecord(fence, spec, now) : nextAttempt(known, fence, spec, now);
}

function localPipeline({ host, source, out, signal }: LocalRunOptions): Pipeline {
  return createPipeline(host, {
    fetchVideo: () => {
      if (source.kind === "file") return localVideoStage(source.video);
      throw new Error("the pipeline downloads videos from the web itself");
    },
    showPreview: (_, picture) => writeFile(join(out, PREVIEW_FILE), picture),
    deliver: async (_stages, _job, paths) => {
      const files: CompletedUpload[] = [];
      for (const path of paths) {
        const filename = basename(path);
        await copyFile(path, join(out, `${filename}.part`));
        await rename(join(out, `${filename}.part`), join(out, filename));
        const { size } = await stat(path);
        files.push({ filename, upload_id: randomUUID(), size, sha256: await sha256OfFile(path, signal) });
      }
      await rm(join(out, PREVIEW_FILE), { force: true });
      return ok(files);
    },
  });
}
