import { join } from "node:path";
import type { StageTiming } from "@splatt/shared";
import { pino } from "pino";
import { JobLog } from "../pipeline/job-log.ts";
import type { StageJob } from "../pipeline/pipeline-job.ts";
import type { StageRecord } from "../pipeline/stage-record.ts";

export interface FakeStageJob extends StageJob {
  readonly begun: string[];
  readonly timings: StageTiming[];
}

/** A job in a folder that records what the stage runner reports, for tests and benchmarks of the runner. */
export function fakeStageJob(
  dir: string,
  overrides: Partial<StageJob> = {},
  records = new Map<string, StageRecord>(),
): FakeStageJob {
  const begun: string[] = [];
  const timings: StageTiming[] = [];
  return {
    begun,
    timings,
    dir,
    log: pino({ level: "silent" }),
    jobLog: new JobLog(join(dir, "pipeline.log")),
    acceptedAt: 0,
    finishedStage: (stage) => records.get(stage),
    secondsLeft: () => 0,
    waitFor: () => undefined,
    beginStage: async (stage) => {
      begun.push(stage);
    },
    reportProgress: () => undefined,
    noteActivity: () => undefined,
    finishStage: async (stage, record, timing) => {
      records.set(stage, record);
      timings.push(timing);
    },
    ...overrides,
  };
}
