import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ResourceTokens } from "@splatt/gpu-agent/pipeline/resource-tokens";
import type { ResourceToken, Stage } from "@splatt/gpu-agent/pipeline/stage";
import { StageRunner } from "@splatt/gpu-agent/pipeline/stage-runner";
import { fakeStageJob } from "@splatt/gpu-agent/testing/fake-stage-job";
import { ok, STAGES, type StageName } from "@splatt/shared";

/**
 * `npm run bench -- overlap`: the time for 8 jobs on hosts with one and two GPUs, with and without overlapping stages
 * of different jobs. The stages only sleep, for a hundredth of a typical stage's time; the runner, the tokens and the
 * bookkeeping on disk are real.
 */

/** Seconds: a phone video of a minute, 200 frames, COLMAP with CUDA, 7,500 steps of splatfacto. */
const SECONDS: { readonly [stage in StageName]: number } = {
  download: 20,
  frames: 15,
  poses: 90,
  train: 300,
  export: 20,
  upload: 30,
};
const TOKENS: { readonly [stage in StageName]: ResourceToken } = {
  download: "network",
  frames: "cpu",
  poses: "cpu",
  train: "gpu",
  export: "cpu",
  upload: "network",
};
const JOBS = 8;
const MS_PER_SECOND = 10;

function simulated(name: StageName): Stage<null, null> {
  return {
    name,
    token: TOKENS[name],
    key: () => null,
    run: async () => {
      await sleep(SECONDS[name] * MS_PER_SECOND);
      return ok(null);
    },
  };
}

/** @returns simulated seconds until the last job is done */
async function makespan(gpus: number, slots: number): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), "splatt-overlap-"));
  const uuids = Array.from({ length: gpus }, (_, i) => `GPU-${i}`);
  const tokens = new ResourceTokens({ network: 2, cpu: 1, gpus: uuids });
  const began = performance.now();
  try {
    const runJob = async (job: number) => {
      const dir = join(root, String(job));
      await mkdir(dir);
      const stages = new StageRunner({
        job: fakeStageJob(dir, { acceptedAt: job }),
        signal: new AbortController().signal,
        tokens,
      });
      for (const stage of STAGES) await stages.run(simulated(stage), null);
    };
    const waiting = Array.from({ length: JOBS }, (_, job) => job).values();
    const slot = async () => {
      for (const job of waiting) await runJob(job);
    };
    await Promise.all(Array.from({ length: slots }, slot));
    return (performance.now() - began) / MS_PER_SECOND;
  } finally {
    await rm(root, { recursive: true });
  }
}

/**
 * The lower bound of any schedule. A GPU is idle until a job is ready for it, and jobs become ready one at a time
 * because the processor solves the cameras of one job at a time. Then each GPU trains one job after another; for jobs
 * of equal length it is optimal to give each to the first free GPU. The processor's total work is a bound as well.
 */
function lowerBound(gpus: number): number {
  const { download, frames, poses, train, export: exporting, upload } = SECONDS;
  const freeAt = Array.from({ length: gpus }, (_, i) => download + (i + 1) * (frames + poses));
  for (let job = 0; job < JOBS; job++) {
    const soonest = Math.min(...freeAt);
    freeAt[freeAt.indexOf(soonest)] = soonest + train;
  }
  const cpuTime = download + JOBS * (frames + poses + exporting);
  const lastTrained = download + JOBS * (frames + poses) + train;
  return Math.max(Math.max(...freeAt, lastTrained) + exporting, cpuTime) + upload;
}

console.log(
  `${JOBS} jobs, seconds by stage: ${STAGES.map((stage) => `${stage} ${SECONDS[stage]}`).join(", ")}\n`,
);
console.log("GPUs  slots   makespan   bound   over the bound   one at a time   gain");
for (const gpus of [1, 2]) {
  // The default number of slots for this number of GPUs.
  const slots = gpus + Math.min(2, gpus);
  const [overlapped, serial] = [await makespan(gpus, slots), await makespan(gpus, 1)];
  const bound = lowerBound(gpus);
  const cells = [
    String(gpus).padStart(4),
    String(slots).padStart(5),
    `${overlapped.toFixed(0)} s`.padStart(9),
    `${bound.toFixed(0)} s`.padStart(6),
    `${(100 * (overlapped / bound - 1)).toFixed(1)} %`.padStart(15),
    `${serial.toFixed(0)} s`.padStart(14),
    `${(serial / overlapped).toFixed(2)}×`.padStart(6),
  ];
  console.log(cells.join("  "));
}
