import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emptySplatCloud, writeShPly } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { callsOf, installFake, setScenario } from "../testing/fake-program.ts";
import { recordingContext } from "../testing/recording-context.ts";
import { writeTinyDataset } from "../testing/tiny-dataset.ts";
import { type BrushOptions, createBrushEngine } from "./engine.ts";
import type { Scenario } from "./testing/fake-brush.ts";

const FAKE = fileURLToPath(new URL("testing/fake-brush.ts", import.meta.url));
const options: TrainOptions = {
  iterations: 1000,
  preset: "standard",
  max_splats: null,
  max_resolution: null,
};
const ALL_WELL: Scenario = { version: "brush 1.0.0", device: "DISCRETE_GPU", train: "finishes" };

let root = "";
let dataset = { dir: "" };
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "brush-engine-"));
  dataset = await writeTinyDataset(join(root, "dataset"));
  await mkdir(join(root, "train.part"));
  await installFake(join(root, "brush"), FAKE, root);
});
afterEach(() => rm(root, { recursive: true }));

async function engineWith(scenario: Partial<Scenario>, more: Partial<BrushOptions> = {}) {
  await setScenario(root, { ...ALL_WELL, ...scenario });
  const path = join(root, "brush");
  return createBrushEngine({ path, vulkaninfo: path, platform: "linux", ...more });
}
const calls = () => callsOf<{ args: string[]; log: string }>(root);
const trainingContext = () => recordingContext(join(root, "train.part"));

describe("probe", () => {
  it.each<{ scenario: Partial<Scenario>; more?: Partial<BrushOptions>; usable: boolean; reason: string }>([
    { scenario: {}, usable: true, reason: "Brush 1.0.0 on Some Device." },
    {
      scenario: { device: null },
      more: { platform: "darwin" },
      usable: true,
      reason: "Brush 1.0.0 on Metal.",
    },
    {
      scenario: { device: "CPU" },
      usable: false,
      reason:
        "Brush 1.0.0 finds no GPU with Vulkan and would train on the CPU; install the GPU driver's Vulkan part.",
    },
    {
      scenario: { device: null },
      usable: false,
      reason: "Brush 1.0.0 finds no Vulkan device; install the GPU driver's Vulkan part.",
    },
    {
      scenario: {},
      more: { vulkaninfo: "no-such-vulkaninfo" },
      usable: false,
      reason: "Brush 1.0.0 may not find the GPU; install vulkaninfo (vulkan-tools) to check.",
    },
    {
      scenario: { version: "paint 3" },
      usable: false,
      reason: "The program brush is not a version of Brush that Splatt supports.",
    },
    {
      scenario: {},
      more: { path: "no-such-brush" },
      usable: false,
      reason: "The program brush was not found.",
    },
  ])("$reason", async ({ scenario, more, usable, reason }) => {
    expect(await (await engineWith(scenario, more)).probe()).toMatchObject({ name: "brush", usable, reason });
  });
});

describe("train", () => {
  it("trains and evaluates on the held-out frames", async () => {
    const context = trainingContext();
    const trained = await (await engineWith({})).train(dataset, options, context);
    expect(trained).toEqual({
      ok: true,
      value: {
        model: "brush-exports/export_1000.ply",
        report: {
          ...{ gaussians: 7, iterations: 1000, sh_degree: 3, width: 160, height: 90 },
          ...{ held_out_frames: 2, psnr: 27.5, ssim: 0.875 },
        },
      },
    });
    expect(context.progress.map(({ message }) => message)).toEqual([
      "Training Gaussian Splat... Step 0/1000 (starting Brush)",
      "Training Gaussian Splat... Step 0/1000 (loading images)",
      "Training Gaussian Splat... Step 200/1000 (7 gaussians)",
      "Training Gaussian Splat... Step 1000/1000 (7 gaussians, held-out PSNR 27.5 dB)",
      "Training Gaussian Splat... Step 1000/1000 (7 gaussians, held-out PSNR 27.5 dB)",
    ]);
    expect(await calls()).toEqual([{ args: expect.anything(), log: "info" }]);
    expect(await readdir(join(context.dir, "brush-exports"))).toEqual(["export_1000.ply"]);
  });

  it("resumes from the newest export", async () => {
    await mkdir(join(root, "train.part/brush-exports"));
    await writeShPly(join(root, "train.part/brush-exports/export_0400.ply"), emptySplatCloud(5, 3));
    const context = trainingContext();
    expect(await (await engineWith({})).train(dataset, options, context)).toMatchObject({ ok: true });
    expect((await calls())[0]?.args.join(" ")).toContain("--start-iter 400");
    expect(context.progress[0]?.message).toBe("Training Gaussian Splat... Step 400/1000 (resuming Brush)");
  });

  it("does not repeat a completed training", async () => {
    await mkdir(join(root, "train.part/brush-exports"));
    await writeShPly(join(root, "train.part/brush-exports/export_1000.ply"), emptySplatCloud(5, 3));
    expect(await (await engineWith({})).train(dataset, options, trainingContext())).toMatchObject({
      ok: true,
      value: { report: { gaussians: 5, psnr: null } },
    });
    expect(await calls()).toEqual([]);
  });

  it("retries once with smaller options when the GPU runs out of memory", async () => {
    const engine = await engineWith({ train: "runs out of GPU memory once" });
    const note =
      "retried at 112 instead of 160 pixels and at most 1,000 gaussians: the GPU ran out of memory";
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
      ok: true,
      value: { report: { width: 112, height: 63, note } },
    });
    expect((await calls()).at(-1)?.args.join(" ")).toContain("--max-resolution 112");
  });

  it.each<{ name: string; scenario: Partial<Scenario>; code: string; detail: string }>([
    {
      name: "crashes",
      scenario: { train: "crashes" },
      code: "training_failed",
      detail: "It ended (SIGSEGV) without the last export.",
    },
    {
      name: "cannot export, which is only a warning to it",
      scenario: { train: "cannot export" },
      code: "training_failed",
      detail: "It ended (exit code 0) without the last export.",
    },
    {
      name: "is something else",
      scenario: { version: "paint 3" },
      code: "engine_unavailable",
      detail: "The program brush is not a version of Brush that Splatt supports.",
    },
  ])("fails when it $name", async ({ scenario, code, detail }) => {
    const result = await (await engineWith(scenario)).train(dataset, options, trainingContext());
    expect(result).toEqual({ ok: false, error: { code, detail } });
  });

  it("rejects a dataset in another format", async () => {
    await writeFile(join(dataset.dir, "transforms.json"), "{}");
    expect(await (await engineWith({})).train(dataset, options, trainingContext())).toMatchObject({
      error: { code: "dataset_invalid" },
    });
  });
});
