import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaptureReport, JobReport, StageName } from "@splatt/shared";
import { ok } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fakeStageJob } from "../testing/fake-stage-job.ts";
import type { PipelineJob } from "./pipeline-job.ts";
import { ResourceTokens } from "./resource-tokens.ts";
import { type PipelineParts, runStages } from "./run-stages.ts";
import type { Stage } from "./stage.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-stages-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const WEAK = { verdict: "weak", advice: "far apart" } as CaptureReport;
const ONCE = {
  right: { verdict: "good", advice: "far apart, and near enough" } as CaptureReport,
  wrong: { verdict: "weak", advice: "too few" } as CaptureReport,
};

/** The report of a job whose stages leave these outputs. */
async function reportOf(posed: object, psnr: number): Promise<JobReport> {
  const stage = <I, O>(name: StageName, output: object): Stage<I, O> => ({
    ...{ name, token: "cpu", key: () => name },
    run: async () => ok(output as O),
  });
  const report: { -readonly [K in keyof JobReport]?: JobReport[K] } = { stages: [] };
  const job = {
    ...fakeStageJob(dir),
    ...{ spec: { source: {}, options: { scale_reference: null } }, report },
    noteReport: (change: Partial<JobReport>) => Object.assign(report, change),
  } as unknown as PipelineJob;
  const parts = {
    host: {
      ...{ toolFailure: null, tokens: new ResourceTokens({ network: 1, cpu: 1, gpus: [] }) },
      ...{ engineFor: () => ({ name: "builtin" }), capacity: { engines: [], reason: "" } },
    },
    fetchVideo: async () => ok({ file: "source" }),
    frames: stage("frames", {}),
    poses: stage("poses", posed),
    train: () => stage("train", {}),
    export: () => stage("export", { report: { psnr }, views: null, files: [] }),
    summarize: async () => [],
    deliver: async () => ok([]),
  } as unknown as PipelineParts;
  expect(await runStages(parts)(job, new AbortController().signal)).toEqual(ok([]));
  return report as JobReport;
}

it.each([
  ["right", { capture: WEAK, captureOnce: ONCE }, 28, ONCE.right],
  ["blurred", { capture: WEAK, captureOnce: ONCE }, 20, WEAK],
  ["right, of poses that an older version solved", { capture: WEAK }, 28, WEAK],
])("the splat settles the verdict on the capture: %s", async (_, posed, psnr, capture) => {
  expect((await reportOf(posed, psnr)).capture).toEqual(capture);
});
