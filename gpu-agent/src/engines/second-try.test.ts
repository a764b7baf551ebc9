import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainedModel, TrainOptions } from "./engine.ts";
import { planSecondTry, type Try, trainWithSecondTry } from "./second-try.ts";
import { recordingContext } from "./testing/recording-context.ts";
import { startProgress } from "./training-progress.ts";

const options: TrainOptions = { iterations: 5000, preset: "high", max_splats: null, max_resolution: null };

describe("planSecondTry", () => {
  it.each<{
    name: string;
    asked?: Partial<TrainOptions>;
    side?: number;
    gaussians: number | null;
    tries: Partial<TrainOptions>;
    note: string;
  }>([
    {
      name: "fewer pixels",
      gaussians: null,
      tries: { max_resolution: 1120, max_splats: null },
      note: "second try at 1120 instead of 1600 pixels: the GPU ran out of memory",
    },
    {
      name: "and fewer gaussians than there were",
      gaussians: 2_000_000,
      tries: { max_resolution: 1120, max_splats: 1_400_000 },
      note: "second try at 1120 instead of 1600 pixels and at most 1,400,000 gaussians: the GPU ran out of memory",
    },
    {
      name: "never more gaussians than asked for",
      asked: { max_splats: 1_000_000 },
      gaussians: 2_000_000,
      tries: { max_splats: 1_000_000 },
      note: "second try at 1120 instead of 1600 pixels and at most 1,000,000 gaussians: the GPU ran out of memory",
    },
    {
      name: "never less than a job may ask for",
      side: 80,
      gaussians: 500,
      tries: { max_resolution: 64, max_splats: 1000 },
      note: "second try at 64 instead of 80 pixels and at most 1,000 gaussians: the GPU ran out of memory",
    },
  ])("plans $name", ({ asked, side = 1600, gaussians, tries, note }) => {
    const planned = planSecondTry({ ...options, ...asked }, side, gaussians);
    expect(planned).toMatchObject({ note, options: { iterations: 5000, preset: "high", ...tries } });
  });
});

describe("trainWithSecondTry", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "second-try-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const model = { model: "m", report: { gaussians: 7 } } as TrainedModel;
  const noMemory = err(failure("gpu_out_of_memory", "CUDA out of memory"));

  /** Trains with these outcomes, one after another. @returns the options of each try */
  async function tries(outcomes: Awaited<ReturnType<Try>>[]) {
    const asked: TrainOptions[] = [];
    const result = await trainWithSecondTry(
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

  it("does nothing of its own when all goes well", async () => {
    expect(await tries([ok(model)])).toEqual({ asked: [options], result: ok(model) });
    expect(await readdir(dir)).toEqual(["leftover-1"]);
  });

  it("leaves other failures alone", async () => {
    const failed = err(failure("training_failed", ""));
    expect(await tries([failed])).toEqual({ asked: [options], result: failed });
  });

  it("begins the second try in an empty folder", async () => {
    const { asked, result } = await tries([noMemory, ok(model)]);
    expect(asked[1]).toMatchObject({ max_resolution: 1120, max_splats: 7000 });
    expect(result).toMatchObject({
      ok: true,
      value: { report: { gaussians: 7, note: expect.stringContaining("7,000") } },
    });
    expect(await readdir(dir)).toEqual(["leftover-2", "second-try.json"]);
  });

  it("knows after a restart that the second try had begun, and makes no third", async () => {
    const stopped = err(failure("agent_stopped", ""));
    await tries([noMemory, stopped]);
    const { asked, result } = await tries([noMemory]);
    expect(asked).toEqual([expect.objectContaining({ max_resolution: 1120 })]);
    expect(result).toEqual(noMemory);
  });

  it("begins anew when the record was cut off", async () => {
    await writeFile(join(dir, "second-try.json"), '{"options"');
    expect((await tries([ok(model)])).asked).toEqual([options]);
  });
});
