import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainedModel, TrainOptions } from "./engine.ts";
import { planRetry, type TrainAttempt, trainWithOomRetry } from "./oom-retry.ts";
import { recordingContext } from "./testing/recording-context.ts";
import { startProgress } from "./training-progress.ts";

const options: TrainOptions = { iterations: 5000, preset: "high", max_splats: null, max_resolution: null };

describe("planRetry", () => {
  it.each<{
    name: string;
    asked?: Partial<TrainOptions>;
    side?: number;
    gaussians: number | null;
    retry: Partial<TrainOptions>;
    note: string;
  }>([
    {
      name: "fewer pixels",
      gaussians: null,
      retry: { max_resolution: 1120, max_splats: null },
      note: "retried at 1120 instead of 1600 pixels: the GPU ran out of memory",
    },
    {
      name: "and fewer gaussians than there were",
      gaussians: 2_000_000,
      retry: { max_resolution: 1120, max_splats: 1_400_000 },
      note: "retried at 1120 instead of 1600 pixels and at most 1,400,000 gaussians: the GPU ran out of memory",
    },
    {
      name: "never more gaussians than requested",
      asked: { max_splats: 1_000_000 },
      gaussians: 2_000_000,
      retry: { max_splats: 1_000_000 },
      note: "retried at 1120 instead of 1600 pixels and at most 1,000,000 gaussians: the GPU ran out of memory",
    },
    {
      name: "never less than a job may ask for",
      side: 80,
      gaussians: 500,
      retry: { max_resolution: 64, max_splats: 1000 },
      note: "retried at 64 instead of 80 pixels and at most 1,000 gaussians: the GPU ran out of memory",
    },
  ])("plans $name", ({ asked, side = 1600, gaussians, retry, note }) => {
    const planned = planRetry({ ...options, ...asked }, side, gaussians);
    expect(planned).toMatchObject({ note, options: { iterations: 5000, preset: "high", ...retry } });
  });
});

describe("trainWithOomRetry", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "oom-retry-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const model = { model: "m", report: { gaussians: 7 } } as TrainedModel;
  const noMemory = err(failure("gpu_out_of_memory", "CUDA out of memory"));

  /** Trains with these outcomes, one after another. @returns the options of each attempt */
  async function tries(outcomes: Awaited<ReturnType<TrainAttempt>>[]) {
    const asked: TrainOptions[] = [];
    const result = await trainWithOomRetry(
      options,
      1600,
      recordingContext(dir),
      async (tried, context, on) => {
        asked.push(tried);
        on({ ...startProgress(1000, ""), gaussians: 10_000 });
        await writeFile(join(context.dir, `leftover-${asked.length}`), "");
        return outcomes.shift() ?? noMemory;
      },
    );
    return { asked, result };
  }

  it("trains once when that succeeds", async () => {
    expect(await tries([ok(model)])).toEqual({ asked: [options], result: ok(model) });
    expect(await readdir(dir)).toEqual(["leftover-1"]);
  });

  it("does not retry after other failures", async () => {
    const failed = err(failure("training_failed", ""));
    expect(await tries([failed])).toEqual({ asked: [options], result: failed });
  });

  it("retries in an empty folder", async () => {
    const { asked, result } = await tries([noMemory, ok(model)]);
    expect(asked[1]).toMatchObject({ max_resolution: 1120, max_splats: 7000 });
    expect(result).toMatchObject({
      ok: true,
      value: { report: { gaussians: 7, note: expect.stringContaining("7,000") } },
    });
    expect(await readdir(dir)).toEqual(["leftover-2", "oom-retry.json"]);
  });

  it("resumes an interrupted retry, and does not retry again", async () => {
    const stopped = err(failure("agent_stopped", ""));
    await tries([noMemory, stopped]);
    const { asked, result } = await tries([noMemory]);
    expect(asked).toEqual([expect.objectContaining({ max_resolution: 1120 })]);
    expect(result).toEqual(noMemory);
  });

  it("starts over when the record is truncated", async () => {
    await writeFile(join(dir, "oom-retry.json"), '{"options"');
    expect((await tries([ok(model)])).asked).toEqual([options]);
  });
});
