import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emptySplatCloud, plyVertexCount, writeShPly } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { callsOf, installFake, setScenario } from "../testing/fake-program.ts";
import { recordingContext } from "../testing/recording-context.ts";
import { tinyTransforms, writeTinyDataset } from "../testing/tiny-dataset.ts";
import { createOpensplatEngine } from "./engine.ts";
import type { Scenario } from "./testing/fake-opensplat.ts";

const FAKE = fileURLToPath(new URL("testing/fake-opensplat.ts", import.meta.url));
const options: TrainOptions = {
  iterations: 1000,
  preset: "standard",
  max_splats: null,
  max_resolution: null,
};
const ALL_WELL: Scenario = { version: "1.2.0", device: "CUDA", train: "finishes" };

let root = "";
let dataset = { dir: "" };
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "opensplat-engine-"));
  dataset = await writeTinyDataset(join(root, "dataset"));
  await mkdir(join(root, "train.part"));
  await installFake(join(root, "opensplat"), FAKE, root);
});
afterEach(() => rm(root, { recursive: true }));

async function engineWith(scenario: Partial<Scenario>, freeBytes: number | null = null) {
  await setScenario(root, { ...ALL_WELL, ...scenario });
  const freeGpuMemory = async () => freeBytes;
  return createOpensplatEngine({ path: join(root, "opensplat"), gpuUuid: "GPU-1", freeGpuMemory });
}
const calls = () => callsOf<{ args: string[]; gpu?: string }>(root);
const trainingContext = () => recordingContext(join(root, "train.part"));

describe("probe", () => {
  it.each<{ scenario: Partial<Scenario>; usable: boolean; version: string | null; reason: string }>([
    { scenario: {}, usable: true, version: "1.2.0", reason: "OpenSplat 1.2.0 on CUDA." },
    {
      scenario: { device: "CPU" },
      usable: false,
      version: "1.2.0",
      reason: "OpenSplat 1.2.0 finds no GPU and would train on the CPU.",
    },
    {
      scenario: { version: "1.0.2" },
      usable: false,
      version: null,
      reason: "opensplat --version printed: 1.0.2",
    },
  ])("$reason", async ({ scenario, ...answer }) => {
    expect(await (await engineWith(scenario)).probe()).toEqual({ name: "opensplat", ...answer });
  });

  it("reports a missing program", async () => {
    expect(await createOpensplatEngine({ path: join(root, "gone") }).probe()).toMatchObject({
      usable: false,
      reason: "The program opensplat was not found.",
    });
  });
});

describe("train", () => {
  it("trains, evaluates on its held-out frame, and exports", async () => {
    const context = trainingContext();
    const engine = await engineWith({});
    const trained = await engine.train(dataset, options, context);
    const report = {
      ...{ gaussians: 7, iterations: 1000, sh_degree: 3, width: 160, height: 90 },
      ...{ held_out_frames: 1, psnr: 27.5, ssim: null },
    };
    expect(trained).toEqual({ ok: true, value: { model: "splat.ply", report } });
    expect(context.progress.map(({ message }) => message)).toEqual([
      "Training Gaussian Splat... Step 0/1000 (starting OpenSplat)",
      "Training Gaussian Splat... Step 0/1000 (reading the dataset)",
      "Training Gaussian Splat... Step 0/1000 (loading images)",
      "Training Gaussian Splat... Step 10/1000 (loss 0.1230)",
      "Training Gaussian Splat... Step 1000/1000 (loss 0.0230)",
      "Training Gaussian Splat... Step 1000/1000 (loss 0.0230, held-out PSNR 27.5 dB)",
    ]);
    expect((await calls()).map(({ gpu }) => gpu)).toEqual(["GPU-1", "GPU-1"]);
    expect(await readdir(context.dir)).not.toContain("splat_500.ply");
    if (!trained.ok) return;
    const file = join(root, "out.ply");
    expect(await engine.exportSplats(context.dir, trained.value, file, context)).toEqual({
      ok: true,
      value: report,
    });
    expect(await plyVertexCount(file)).toEqual({ ok: true, value: 7 });
  });

  it("skips the evaluation when no frame is held out", async () => {
    dataset = await writeTinyDataset(join(root, "all"), tinyTransforms(0));
    const trained = await (await engineWith({})).train(dataset, options, trainingContext());
    expect(trained).toMatchObject({ ok: true, value: { report: { held_out_frames: 0, psnr: null } } });
  });

  it("resumes from the newest save", async () => {
    await writeShPly(join(root, "train.part/splat_400.ply"), emptySplatCloud(5, 3));
    const context = trainingContext();
    expect(await (await engineWith({})).train(dataset, options, context)).toMatchObject({ ok: true });
    expect((await calls()).at(-1)?.args.slice(-2)).toEqual(["--resume", "splat_400.ply"]);
    expect(context.progress[0]?.message).toBe(
      "Training Gaussian Splat... Step 400/1000 (resuming OpenSplat)",
    );
  });

  it("retries once with smaller options when the GPU runs out of memory", async () => {
    const engine = await engineWith({ train: "runs out of GPU memory once" });
    const note = "retried at 112 instead of 160 pixels: the GPU ran out of memory";
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
      ok: true,
      value: { report: { width: 112, height: 63, note } },
    });
    expect((await calls()).at(-1)?.args.join(" ")).toContain("--downscale-factor 1.4286");
  });

  it("ignores the splat of an earlier run", async () => {
    await writeShPly(join(root, "train.part/splat.ply"), emptySplatCloud(5, 3));
    const engine = await engineWith({ train: "leaves nothing" });
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
      error: { code: "training_failed" },
    });
  });

  it("trains from the start when it cannot resume", async () => {
    await writeShPly(join(root, "train.part/splat_400.ply"), emptySplatCloud(5, 3));
    const engine = await engineWith({ train: "crashes when resumed" });
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({ ok: true });
    const resumed = (await calls()).filter(({ args }) => args.includes("--num-iters"));
    expect(resumed.map(({ args }) => args.includes("--resume"))).toEqual([true, false]);
  });

  it.each<{ name: string; scenario: Partial<Scenario>; code: string; detail: string }>([
    {
      name: "would train on the CPU",
      scenario: { device: "CPU" },
      code: "gpu_unavailable",
      detail: "OpenSplat found no GPU and would have trained on the CPU.",
    },
    {
      name: "crashes",
      scenario: { train: "crashes" },
      code: "training_failed",
      detail: "It ended (SIGSEGV) without a complete splat.",
    },
    {
      name: "leaves nothing",
      scenario: { train: "leaves nothing" },
      code: "training_failed",
      detail: "It ended (exit code 0) without a complete splat.",
    },
    {
      name: "is too old",
      scenario: { version: "1.0.2" },
      code: "engine_unavailable",
      detail: "opensplat --version printed: 1.0.2",
    },
    {
      name: "stops early without an error",
      scenario: { train: "stops early" },
      code: "training_failed",
      detail: "It ended after step 10 of 1000, without an error.",
    },
  ])("fails when it $name", async ({ scenario, code, detail }) => {
    const result = await (await engineWith(scenario)).train(dataset, options, trainingContext());
    expect(result).toEqual({ ok: false, error: { code, detail } });
  });

  it("does not start when another program occupies the GPU's memory", async () => {
    const engine = await engineWith({}, 512 * 1024 ** 2);
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
      error: { code: "gpu_unavailable" },
    });
    expect(await calls()).toHaveLength(1);
  });

  it("rejects a dataset in another format", async () => {
    await writeFile(join(dataset.dir, "transforms.json"), "{}");
    expect(await (await engineWith({})).train(dataset, options, trainingContext())).toMatchObject({
      error: { code: "dataset_invalid" },
    });
  });
});
