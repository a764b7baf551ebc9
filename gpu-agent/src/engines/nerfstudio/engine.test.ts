import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dataset } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine, TrainedModel, TrainOptions } from "../engine.ts";
import { callsOf, installFake, setScenario } from "../testing/fake-program.ts";
import { recordingContext } from "../testing/recording-context.ts";
import { tinyTransforms, writeTinyDataset } from "../testing/tiny-dataset.ts";
import { createNerfstudioEngine, type NerfstudioOptions } from "./engine.ts";
import { CHECKPOINT_PLY_SCRIPT } from "./python-scripts.ts";
import { CHECKPOINT_DIR, CONFIG_FILE, METRICS_FILE } from "./run-layout.ts";
import {
  ALL_WELL,
  type Call,
  FAKE_GAUSSIANS,
  FAKE_PSNR,
  type Scenario,
  WHOLE_CHECKPOINT,
} from "./testing/fake-nerfstudio.ts";

const FAKE = fileURLToPath(new URL("testing/fake-nerfstudio.ts", import.meta.url));
const GPU = "GPU-5d2e0a3c-1f1b-8f4e-9d1f-0123456789ab";
const options: TrainOptions = { iterations: 100, preset: "standard", max_splats: null, max_resolution: null };

let root = "";
let dataset: Dataset = { dir: "" };
let python = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "nerfstudio-"));
  dataset = await writeTinyDataset(join(root, "dataset"));
  await mkdir(join(root, "train.part"));
  python = join(root, "bin/python");
  await installFake(python, FAKE, root);
});
afterEach(() => rm(root, { recursive: true }));

async function engineWith(
  scenario: Partial<Scenario>,
  more: Partial<NerfstudioOptions> = {},
): Promise<Engine> {
  await setScenario(root, { ...ALL_WELL, ...scenario });
  return createNerfstudioEngine({
    pythonPath: python,
    gpuUuid: GPU,
    freeGpuMemory: async () => null,
    ...more,
  });
}

const calls = () => callsOf<Call>(root);
/** The programs that each process ran, one after another. */
const programs = async () =>
  (await calls()).map(({ args }) => args.filter((_, i) => i === 1 || args[i - 1] === "--then").join(" "));

function trainingContext() {
  return recordingContext(join(root, "train.part"));
}

async function leaveCheckpoint(step: number): Promise<void> {
  const dir = join(root, "train.part", CHECKPOINT_DIR);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, `step-${String(step).padStart(9, "0")}.ckpt`), WHOLE_CHECKPOINT);
  await writeFile(join(root, "train.part", CONFIG_FILE), "!!python/object");
}

describe("probe", () => {
  it("probes the Python of NERF_PYTHON_PATH", async () => {
    expect(await (await engineWith({})).probe()).toEqual({
      name: "nerfstudio",
      usable: true,
      version: "1.1.5",
      reason: "nerfstudio 1.1.5 with PyTorch 2.1.2+cu118 and CUDA 11.8 on NVIDIA GeForce RTX 4090.",
    });
    expect((await calls())[0]?.env).toMatchObject({ CUDA_VISIBLE_DEVICES: GPU, PYTHONUNBUFFERED: "1" });
  });

  it.each([
    {
      name: "no program there",
      path: "nothing",
      reason: "There is no executable program at NERF_PYTHON_PATH.",
    },
    {
      name: "a file that is no program",
      path: "dataset/transforms.json",
      reason: "There is no executable program at NERF_PYTHON_PATH.",
    },
    {
      name: "a program that is no Python",
      path: "bin/python",
      reason: "The program at NERF_PYTHON_PATH did not answer like a Python with nerfstudio.",
    },
  ])("explains why when it finds $name", async ({ path, reason }) => {
    const engine = await engineWith({ probe: "crashes" }, { pythonPath: join(root, path) });
    expect(await engine.probe()).toEqual({ name: "nerfstudio", usable: false, version: null, reason });
  });
});

describe("train", () => {
  it("trains and evaluates on the held-out frames in the same process", async () => {
    const context = trainingContext();
    const result = await (await engineWith({})).train(dataset, options, context);
    expect(result).toEqual({
      ok: true,
      value: {
        model: CONFIG_FILE,
        report: {
          gaussians: 512,
          iterations: 100,
          sh_degree: 3,
          width: 160,
          height: 90,
          held_out_frames: 2,
          psnr: FAKE_PSNR,
          ssim: 0.875,
        },
      },
    });
    expect(context.progress.map(({ message }) => message)).toEqual([
      "Training Gaussian Splat... Step 0/100 (starting nerfstudio)",
      "Training Gaussian Splat... Step 0/100 (loading images)",
      "Training Gaussian Splat... Step 10/100 (28 ms per step)",
      "Training Gaussian Splat... Step 10/100 (512 gaussians, 28 ms per step)",
      "Training Gaussian Splat... Step 99/100 (512 gaussians, 28 ms per step)",
      "Training Gaussian Splat... Step 100/100 (512 gaussians, 28 ms per step)",
      "Training Gaussian Splat... Step 100/100 (measuring quality on held-out frames, 512 gaussians, 28 ms per step)",
    ]);
    const fractions = context.progress.map(({ fraction }) => expect.closeTo(fraction, 3));
    expect([0, 0, 0.097, 0.097, 0.96, 0.97, 0.97]).toEqual(fractions);
    expect(context.output).toContain("Step 20: 0 GSs duplicated, 256 GSs split. Now having 512 GSs.");

    expect(await programs()).toEqual(["train eval"]);
    const [training] = await calls();
    expect(training).toMatchObject({ cwd: context.dir, seeds: true, env: { CUDA_VISIBLE_DEVICES: GPU } });
    expect(training?.args).not.toContain("--load-checkpoint");
    expect(training?.env).not.toHaveProperty("SPLATT_MAX_SPLATS");
    // Less than the silence that would end the attempt.
    expect(training?.env).toMatchObject({ SPLATT_THEN_SECONDS: "1200" });
  });

  it("trains and evaluates on the GPU assigned to the stage", async () => {
    const engine = await engineWith({ evaluate: "fails after training" });
    await engine.train(dataset, options, { ...trainingContext(), gpu: "GPU-of-the-stage" });
    expect((await calls()).map(({ env }) => env)).toMatchObject([
      { CUDA_VISIBLE_DEVICES: "GPU-of-the-stage" },
      { CUDA_VISIBLE_DEVICES: "GPU-of-the-stage" },
    ]);
  });

  it("passes the limit on gaussians to nerfstudio", async () => {
    await (await engineWith({})).train(dataset, { ...options, max_splats: 50_000 }, trainingContext());
    expect((await calls())[0]?.env).toMatchObject({ SPLATT_MAX_SPLATS: "50000" });
  });

  it("skips the evaluation when no frame is held out", async () => {
    dataset = await writeTinyDataset(join(root, "all"), tinyTransforms(0));
    const result = await (await engineWith({})).train(dataset, options, trainingContext());
    expect(result).toMatchObject({
      ok: true,
      value: { report: { held_out_frames: 0, psnr: null, ssim: null } },
    });
    expect(await programs()).toEqual(["train"]);
  });

  it("repeats a failed evaluation in its own process", async () => {
    const engine = await engineWith({ evaluate: "fails after training" });
    const context = trainingContext();
    const result = await engine.train(dataset, options, context);
    expect(result).toMatchObject({ ok: true, value: { report: { psnr: FAKE_PSNR, ssim: 0.875 } } });
    expect(await programs()).toEqual(["train eval", "eval"]);
    expect((await calls())[1]).toMatchObject({ cwd: context.dir, seeds: true });
    expect(context.progress.at(-1)?.message).toBe(
      "Training Gaussian Splat... Step 100/100 (measuring quality on held-out frames)",
    );
  });

  it("succeeds when the evaluation fails", async () => {
    const result = await (await engineWith({ evaluate: "fails" })).train(dataset, options, trainingContext());
    expect(result).toMatchObject({
      ok: true,
      value: { report: { held_out_frames: 2, psnr: null, ssim: null } },
    });
  });

  it.each<{ train: Scenario["train"]; code: string; detail: string }>([
    {
      train: "does not say that it finished",
      code: "training_failed",
      detail: "It ended (exit code 0) without finishing the training.",
    },
    { train: "is interrupted", code: "training_failed", detail: "KeyboardInterrupt" },
    {
      train: "leaves half a checkpoint",
      code: "training_failed",
      detail: "It ended (exit code 0) without a complete last checkpoint.",
    },
    {
      train: "leaves no config",
      code: "training_failed",
      detail: "It ended (exit code 0) without a complete last checkpoint.",
    },
    {
      train: "is killed",
      code: "out_of_memory",
      detail: expect.stringContaining("was killed"),
    },
  ])("fails when nerfstudio $train", async ({ train, code, detail }) => {
    const result = await (await engineWith({ train })).train(dataset, options, trainingContext());
    expect(result).toEqual({ ok: false, error: { code, detail } });
  });

  it("resumes from the newest complete checkpoint, with the same total", async () => {
    await leaveCheckpoint(39);
    const context = trainingContext();
    const result = await (await engineWith({})).train(dataset, options, context);
    expect(result).toMatchObject({ ok: true, value: { report: { iterations: 100 } } });
    expect(context.progress[0]?.message).toBe("Training Gaussian Splat... Step 40/100 (resuming nerfstudio)");
    const [training] = await calls();
    const args = training?.args.join(" ");
    expect(args).toContain(
      `--load-checkpoint ${join(CHECKPOINT_DIR, "step-000000039.ckpt")} nerfstudio-data`,
    );
    expect(args).toContain("--max-num-iterations 100");
  });

  it("starts over when a checkpoint cannot be resumed", async () => {
    await leaveCheckpoint(39);
    const result = await (await engineWith({ train: "cannot resume" })).train(
      dataset,
      options,
      trainingContext(),
    );
    expect(result).toMatchObject({ ok: true });
    const [resumed, restarted] = await calls();
    expect(resumed?.args).toContain("--load-checkpoint");
    expect(resumed?.checkpoints).toEqual(["step-000000039.ckpt"]);
    expect(restarted?.args).not.toContain("--load-checkpoint");
    expect(restarted?.checkpoints).toEqual([]);
  });

  describe("when the GPU's memory runs out", () => {
    const note =
      "retried at 112 instead of 160 pixels and at most 2,100 gaussians: the GPU ran out of memory";

    it("retries once with smaller options, from the start, and reports it", async () => {
      await leaveCheckpoint(39);
      const context = trainingContext();
      const engine = await engineWith({ train: "runs out of GPU memory once" });
      const result = await engine.train(dataset, options, context);
      expect(result).toMatchObject({ ok: true, value: { report: { width: 112, height: 63, note } } });
      const [first, second] = await calls();
      expect(first?.args).toContain("--load-checkpoint");
      expect(second?.args).not.toContain("--load-checkpoint");
      expect(second?.checkpoints).toEqual([]);
      expect(second?.env).toMatchObject({ SPLATT_MAX_SPLATS: "2100" });
      const messages = context.progress.map(({ message }) => message);
      expect(messages).toContain(`Training Gaussian Splat... Step 10/100 (28 ms per step); ${note}`);
    });

    it("resumes an interrupted retry", async () => {
      const engine = await engineWith({ train: "runs out of GPU memory once" });
      await engine.train(dataset, options, trainingContext());
      await engine.train(dataset, options, trainingContext());
      // The first attempt, the retry, and then only what an interruption may have cut off.
      expect(await programs()).toEqual(["train eval", "train eval", "eval"]);
    });

    it("fails when the retry runs out of memory too", async () => {
      const engine = await engineWith({ train: "runs out of GPU memory" });
      expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
        ok: false,
        error: { code: "gpu_out_of_memory" },
      });
      expect(await calls()).toHaveLength(2);
    });
  });

  it("does not repeat a completed training", async () => {
    await leaveCheckpoint(99);
    const result = await (await engineWith({})).train(dataset, options, trainingContext());
    expect(result).toMatchObject({ ok: true, value: { report: { psnr: FAKE_PSNR } } });
    expect(await programs()).toEqual(["eval"]);
  });

  it("ignores the metrics of an earlier process", async () => {
    await leaveCheckpoint(99);
    const { dir } = trainingContext();
    await writeFile(join(dir, METRICS_FILE), '{"results": {"psnr": 99, "ssim": 1}}');
    const result = await (await engineWith({})).train(dataset, options, trainingContext());
    expect(result).toMatchObject({ ok: true, value: { report: { psnr: FAKE_PSNR } } });
  });

  it("stops when it is cancelled, at any point", async () => {
    const context = trainingContext();
    const stopAtFirstRow = {
      ...context,
      report: ({ message }: { message: string }) => {
        if (message.includes("Step 10/100")) context.cancel.abort();
      },
    };
    const result = await (await engineWith({ train: "waits" })).train(dataset, options, stopAtFirstRow);
    expect(result).toEqual({ ok: false, error: { code: "agent_stopped", detail: "" } });
  });

  it("does not start when another program occupies the GPU's memory", async () => {
    const asked: (string | null)[] = [];
    const engine = await engineWith(
      {},
      {
        freeGpuMemory: async (uuid) => {
          asked.push(uuid);
          return 512 * 1024 ** 2;
        },
      },
    );
    expect(await engine.train(dataset, options, trainingContext())).toEqual({
      ok: false,
      error: {
        code: "gpu_unavailable",
        detail: "Only 0.5 GiB of GPU memory is free; 1.5 GiB is needed. Another program uses the rest.",
      },
    });
    expect(asked).toEqual([GPU]);
    expect(await calls()).toEqual([]);
  });

  it("rejects a dataset in another format", async () => {
    await writeFile(join(dataset.dir, "transforms.json"), '{"frames": []}');
    const result = await (await engineWith({})).train(dataset, options, trainingContext());
    expect(result).toMatchObject({ ok: false, error: { code: "dataset_invalid" } });
  });

  it("fails when the Python is missing", async () => {
    const engine = await engineWith({}, { pythonPath: join(root, "gone/python") });
    expect(await engine.train(dataset, options, trainingContext())).toMatchObject({
      ok: false,
      error: { code: "engine_unavailable" },
    });
  });
});

describe("exportSplats", () => {
  async function trained(): Promise<TrainedModel> {
    const trained = await (await engineWith({})).train(dataset, options, trainingContext());
    if (!trained.ok) throw new Error(trained.error.detail);
    // As the runner does with a finished stage.
    await rename(join(root, "train.part"), join(root, "train"));
    await mkdir(join(root, "export"));
    return trained.value;
  }
  const file = () => join(root, "export/baked_splat_sh.ply");

  it("exports the last checkpoint without a GPU and counts its gaussians", async () => {
    const model = await trained();
    const engine = await engineWith({ export: "writes nothing" });
    const before = await readdir(join(root, "train"), { recursive: true });
    const context = recordingContext(join(root, "export"));
    const result = await engine.exportSplats(join(root, "train"), model, file(), context);
    expect(result).toEqual({ ok: true, value: { ...model.report, gaussians: FAKE_GAUSSIANS } });
    expect((await calls()).at(-1)).toMatchObject({
      args: [CHECKPOINT_PLY_SCRIPT, join(CHECKPOINT_DIR, "step-000000099.ckpt"), file()],
      cwd: join(root, "train"),
      env: { CUDA_VISIBLE_DEVICES: "" },
    });
    expect(await readdir(join(root, "train"), { recursive: true })).toEqual(before);
  });

  it("rejects a checkpoint of an earlier step", async () => {
    const model = await trained();
    const later = { ...model, report: { ...model.report, iterations: 200 } };
    const context = recordingContext(join(root, "export"));
    const result = await (await engineWith({})).exportSplats(join(root, "train"), later, file(), context);
    const detail = "The newest checkpoint is of step 99, but training ended at step 199.";
    expect(result).toEqual({ ok: false, error: { code: "export_failed", detail } });
  });

  it("falls back to ns-export for an unknown checkpoint format, also without a GPU", async () => {
    const model = await trained();
    const engine = await engineWith({ checkpoint: "is of another version" });
    const context = recordingContext(join(root, "export"));
    const result = await engine.exportSplats(join(root, "train"), model, file(), context);
    expect(result).toEqual({ ok: true, value: { ...model.report, gaussians: FAKE_GAUSSIANS } });
    expect(await programs()).toEqual(["train eval", expect.anything(), "export"]);
    expect((await calls()).at(-1)).toMatchObject({
      cwd: join(root, "train"),
      // With points to start from, nerfstudio would ask for a GPU here.
      seeds: false,
      env: { CUDA_VISIBLE_DEVICES: "" },
    });
  });

  it("fails when the checkpoint has no gaussian", async () => {
    const model = await trained();
    const engine = await engineWith({ checkpoint: "has no gaussian" });
    const context = recordingContext(join(root, "export"));
    expect(await engine.exportSplats(join(root, "train"), model, file(), context)).toEqual({
      ok: false,
      error: { code: "training_diverged", detail: "No gaussian is left." },
    });
  });

  it.each<{ scenario: Scenario["export"]; code: string; detail: string }>([
    {
      scenario: "writes nothing",
      code: "export_failed",
      detail: "The PLY cannot be read: it does not exist.",
    },
    { scenario: "writes no gaussian", code: "training_diverged", detail: "No gaussian is left." },
    {
      scenario: "has only NaN",
      code: "training_diverged",
      detail:
        "No gaussian with finite values is left. (ValueError: All tensors must be numpy arrays of float or uint8 type and not empty)",
    },
  ])("fails when nerfstudio $scenario", async ({ scenario, code, detail }) => {
    const model = await trained();
    const engine = await engineWith({ checkpoint: "is of another version", export: scenario });
    const context = recordingContext(join(root, "export"));
    expect(await engine.exportSplats(join(root, "train"), model, file(), context)).toEqual({
      ok: false,
      error: { code, detail },
    });
  });
});
