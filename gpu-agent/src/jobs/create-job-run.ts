import { join } from "node:path";
import type { StageName } from "@splatt/shared";
import type { HostView } from "../gpu-host.ts";
import { JobLog } from "../pipeline/job-log.ts";
import { JobRun, type JobRunOptions } from "./job-run.ts";

export interface NewJobRun extends Pick<JobRunOptions, "dir" | "file" | "log" | "send" | "onEnd"> {
  readonly host: HostView;
  /** The job's stages; by default all. */
  readonly stages?: readonly StageName[];
}

/** Creates the run of the job in `dir`, with its log, and a clock based on this host's history. */
export function createJobRun({ host, stages, ...options }: NewJobRun): JobRun {
  const { spec, accepted_at } = options.file.record;
  return new JobRun({
    ...options,
    jobLog: new JobLog(join(options.dir, "pipeline.log")),
    clock: host.clockFor(spec, accepted_at, stages),
    recordStageRun: (run) => host.recordStageRun(run),
  });
}
