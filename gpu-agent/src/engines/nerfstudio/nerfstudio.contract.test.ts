/*
 * What this engine believes about nerfstudio, checked against the real program: `npm run test:nerfstudio`, with
 * the set-up of docs/engines.md. It is skipped unless NERFSTUDIO_CONTRACT_PYTHON names a Python with
 * nerfstudio, because installing that takes 8 GB.
 *
 * No GPU is needed: training runs the real program with gsplat's reference functions in the place of its CUDA
 * kernels (testing/cpu-stand-in). NERFSTUDIO_CONTRACT_GPU, a GPU as CUDA_VISIBLE_DEVICES names them, has the
 * kernels themselves train there.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { psnrOfSplat, writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import type { Dataset } from "@splatt/formats";
import { readShPly } from "@splatt/formats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { StageContext } from "../../pipeline/stage.ts";
import type { TrainOptions } from "../engine.ts";
import { listeningSockets } from "../testing/listening-sockets.ts";
import { recordingContext } from "../testing/recording-context.ts";
import { TINY_SEEDS, tinyTransforms, writeTinyDataset } from "../testing/tiny-dataset.ts";
import { writeCheckpointPly } from "./checkpoint-ply.ts";
import { createNerfstudioEngine } from "./engine.ts";
import { toolEnvironment } from "./installation.ts";
import { NERFSTUDIO_SCRIPT } from "./python-scripts.ts";
import {
  CHECKPOINT_DIR,
  CONFIG_FILE,
  commandLine,
  evalArgs,
  exportArgs,
  METRICS_FILE,
  trainArgs,
} from "./run-layout.ts";
import { planTraining } from "./training-plan.ts";

const python = process.env.NERFSTUDIO_CONTRACT_PYTHON ?? "";
const gpu = process.env.NERFSTUDIO_CONTRACT_GPU ?? null;
const STAND_IN = fileURLToPath(new URL("testing/cpu-stand-in", import.meta.url));
const TIMEOUT_MS = 600_000;
const LENS = { k1: 0.05, k2: 0, p1: 0, p2: 0 };

const options: TrainOptions = { iterations: 450, preset: "draft", max_splats: null, max_resolution: 100 };

describe.skipIf(python === "")(
  "nerfstudio (set NERFSTUDIO_CONTRACT_PYTHON to run)",
  { timeout: TIMEOUT_MS },
  () => {
    let root = "";
    let dataset: Dataset = { dir: "" };
    const engineOn = (gpuUuid: string) =>
      createNerfstudioEngine({ pythonPath: python, gpuUuid, freeGpuMemory: async () => null });
    const withoutGpu = engineOn("none");
    const engine = engineOn(gpu ?? "none");

    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), "nerfstudio-contract-"));
      dataset = await writeTinyDataset(join(root, "dataset"));
    }, TIMEOUT_MS);
    afterAll(() => rm(root, { recursive: true, force: true }));
    beforeEach(() => {
      // Whatever it would download, and wherever from: there is no way out, and no cache to have it from.
      for (const name of ["http_proxy", "https_proxy"]) vi.stubEnv(name, "http://127.0.0.1:9");
      vi.stubEnv("TORCH_HOME", join(root, "torch"));
      // Kernels that have to be compiled are not compiled again for a test.
      if (gpu === null) vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
      vi.stubEnv("PYTHONDONTWRITEBYTECODE", "1");
    });
    afterEach(() => vi.unstubAllEnvs());

    function runPython(program: string, ...args: string[]): string {
      return execFileSync(python, ["-c", program, ...args], {
        encoding: "utf8",
        env: { ...process.env, ...toolEnvironment(python, "none") },
        cwd: root,
        stdio: ["ignore", "pipe", "ignore"],
      });
    }

    async function runDir(name: string): Promise<string> {
      const dir = join(root, name);
      await mkdir(dir, { recursive: true });
      return dir;
    }

    function useStandIn(): void {
      if (gpu !== null) return;
      vi.stubEnv("PYTHONPATH", STAND_IN);
      // Tensors this small only wait for one another's threads.
      vi.stubEnv("OMP_NUM_THREADS", "1");
    }

    it("is found and reported as unusable without a GPU", async () => {
      expect(await withoutGpu.probe()).toEqual({
        name: "nerfstudio",
        usable: false,
        version: "1.1.5",
        reason: expect.stringMatching(/^PyTorch finds no (NVIDIA driver|CUDA GPU)\.$/),
      });
    });

    it.skipIf(gpu === null)("is usable on a GPU", async () => {
      expect(await engine.probe()).toMatchObject({ usable: true, version: "1.1.5" });
    });

    it("accepts our arguments and dataset, and fails only for lack of CUDA", async () => {
      const context = recordingContext(await runDir("without-cuda"));
      const result = await withoutGpu.train(
        dataset,
        { ...options, preset: "high", max_splats: 5000 },
        context,
      );
      expect(result).toMatchObject({ ok: false, error: { code: "gpu_unavailable" } });
      expect(context.output.join("\n")).toContain("Dataset is overriding val_indices to [8, 9]");
      expect(await readdir(join(context.dir, CONFIG_FILE, ".."))).toContain("config.yml");
    });

    it("trains in the frame of our transforms.json", async () => {
      const { dir } = recordingContext(join(root, "without-cuda"));
      const read = runPython(
        `import json, os, sys, yaml
os.chdir(sys.argv[1])
config = yaml.load(open(sys.argv[2]), Loader=yaml.Loader)
parser = config.pipeline.datamanager.dataparser
parser.data = config.data
outputs = parser.setup().get_dataparser_outputs("train")
print(json.dumps([outputs.cameras.camera_to_worlds.tolist(), outputs.metadata["points3D_xyz"].tolist()]))`,
        dir,
        CONFIG_FILE,
      );
      const [cameras, points] = JSON.parse(read.trim().split("\n").at(-1) ?? "") as [
        number[][][],
        number[][],
      ];
      const expected = tinyTransforms().frames.slice(0, 8);
      expect(cameras).toHaveLength(expected.length);
      for (const [i, frame] of expected.entries()) {
        for (const [row, values] of (cameras[i] ?? []).entries()) {
          for (const [column, value] of values.entries()) {
            expect(value).toBeCloseTo(frame.transform_matrix[row]?.[column] ?? Number.NaN, 5);
          }
        }
      }
      expect(points[1]).toEqual([37, 53, 71].map((k) => expect.closeTo(k / 101 - 0.5, 5)));
    });

    it("trains, evaluates and exports a splat that reproduces the photos", async () => {
      useStandIn();
      const scene = { dir: join(root, "scene") };
      await writeSyntheticDataset(scene.dir, { frames: 40, width: 96, height: 72, lens: LENS, points: 1000 });
      const context = recordingContext(await runDir("whole"));
      const listening: number[] = [];
      const watched: StageContext = {
        ...context,
        report: (progress) => {
          context.report(progress);
          if (progress.message.includes("Step 100/")) listening.push(listeningSockets(context.dir));
        },
      };
      const trained = await engine.train(scene, options, watched);
      expect(trained).toMatchObject({
        ok: true,
        value: {
          model: CONFIG_FILE,
          report: { iterations: 450, sh_degree: 1, width: 96, height: 72, held_out_frames: 8 },
        },
      });
      if (!trained.ok) return;
      expect(trained.value.report.psnr).toBeGreaterThan(20);
      expect(trained.value.report.ssim).toBeGreaterThan(0.5);
      expect(await readdir(join(context.dir, CHECKPOINT_DIR))).toEqual(["step-000000449.ckpt"]);
      const messages = context.progress.map(({ message }) => message);
      expect(messages).toContainEqual(
        expect.stringMatching(
          /^Training Gaussian Splat\.\.\. Step 400\/450 \([\d,]+ gaussians, [\d.]+ ms per step\)$/,
        ),
      );
      expect(messages.at(-1)).toContain("Step 450/450");
      expect(listening).toEqual([0]);

      const early = await engine.earlySplat?.(context.dir, 0, context.signal);
      expect(early).toMatchObject({ step: 449 });
      const onItsWay = await readShPly(join(context.dir, early?.file ?? ""));

      // The runner renames the folder; the export, here without the stand-in, needs neither GPU nor images.
      vi.stubEnv("PYTHONPATH", "");
      const trainDir = join(root, "whole-renamed");
      await cp(context.dir, trainDir, { recursive: true });
      const file = join(await runDir("export"), "baked_splat_sh.ply");
      const report = await engine.exportSplats(trainDir, trained.value, file, recordingContext(root));
      const cloud = await readShPly(file);
      if (!cloud.ok) throw new Error(cloud.error);
      expect(cloud.value.shDegree).toBe(1);
      expect(onItsWay).toEqual(cloud);
      expect(report).toEqual({ ok: true, value: { ...trained.value.report, gaussians: cloud.value.count } });
      // It is what ns-export would have written.
      execFileSync(python, commandLine(exportArgs(dirname(file), "by-ns-export.ply")), {
        cwd: trainDir,
        env: { ...process.env, ...toolEnvironment(python, "none") },
        stdio: "ignore",
      });
      expect(await readShPly(join(dirname(file), "by-ns-export.ply"))).toEqual(cloud);
      // Seen from the cameras of our transforms.json by a renderer that shares nothing with nerfstudio's.
      const psnr = await psnrOfSplat(cloud.value, scene);
      expect(psnr).toBeGreaterThan((trained.value.report.psnr ?? 0) - 1);

      // Every kernel of gsplat has its own folder, including those not needed here.
      if (gpu === null) {
        expect(await readdir(join(root, "cache/splatt/torch-extensions"))).toEqual([
          expect.stringMatching(/^gsplat-1\.\d+\.\d+-torch-2\.\d+\.\d+/),
        ]);
      }
      // Nothing was fetched, nor missed.
      await expect(readdir(join(root, "torch"))).rejects.toThrow("ENOENT");
    });

    it("is killed when the evaluation takes too long", async () => {
      useStandIn();
      const cwd = await runDir("stalls");
      const short: TrainOptions = { ...options, iterations: 20 };
      expect(await engine.train(dataset, short, recordingContext(cwd))).toMatchObject({ ok: true });
      await rm(join(cwd, METRICS_FILE));
      // The first may take as long as it likes.
      const twice = commandLine(evalArgs(), evalArgs());
      const env = { ...process.env, ...toolEnvironment(python, gpu ?? "none"), SPLATT_THEN_SECONDS: "0.01" };
      const { status, stderr } = spawnSync(python, twice, { cwd, env, encoding: "utf8" });
      expect(status).toBe(1);
      expect(stderr).toContain("Timeout (0:00:00.010000)!");
      await expect(readFile(join(cwd, METRICS_FILE), "utf8")).resolves.toContain("psnr");
    });

    it("writes the visible gaussians of a checkpoint, and does not hide values that are not finite", async () => {
      const trainDir = await runDir("by-hand");
      runPython(
        `import sys, torch
gaussians = {"means": torch.tensor([[1.0] * 3, [2.0] * 3, [3.0] * 3]), "features_dc": torch.zeros(3, 3),
  "features_rest": torch.zeros(3, 3, 3), "opacities": torch.tensor([[-6.0], [-5.0], [float("nan")]]),
  "scales": torch.zeros(3, 3), "quats": torch.ones(3, 4)}
torch.save({"pipeline": {"_model.gauss_params." + key: value for key, value in gaussians.items()}}, sys.argv[1])`,
        join(trainDir, "step.ckpt"),
      );
      const { signal } = new AbortController();
      const run = { trainDir, checkpoint: "step.ckpt", ply: "splat.ply", signal };
      expect(await writeCheckpointPly({ python, source: "NERF_PYTHON_PATH" }, run)).toBe(true);
      const cloud = await readShPly(join(trainDir, "splat.ply"));
      expect(cloud).toMatchObject({ ok: true, value: { count: 2 } });
    });

    it("resumes, and continues training", async () => {
      useStandIn();
      const context = recordingContext(await runDir("resumed"));
      const short: TrainOptions = { ...options, iterations: 60 };
      expect(await engine.train(dataset, short, context)).toMatchObject({ ok: true });
      // As if a longer training had been interrupted there.
      const before = parameters(context.dir, 59);
      const again = recordingContext(context.dir);
      const resumed = await engine.train(dataset, { ...options, iterations: 80 }, again);
      expect(resumed).toMatchObject({ ok: true, value: { report: { iterations: 80 } } });
      expect(again.progress[0]?.message).toBe("Training Gaussian Splat... Step 60/80 (starting nerfstudio)");
      expect(await readdir(join(context.dir, CHECKPOINT_DIR))).toEqual(["step-000000079.ckpt"]);
      expect(parameters(context.dir, 79)).not.toEqual(before);
    });

    /** The first gaussian's position in a checkpoint. */
    function parameters(dir: string, step: number): string {
      return runPython(
        `import sys, torch
state = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
print(state["step"], state["pipeline"]["_model.gauss_params.means"][0].tolist())`,
        join(dir, CHECKPOINT_DIR, `step-${String(step).padStart(9, "0")}.ckpt`),
      ).replace(/^\d+ /, "");
    }

    it("keeps to max_splats, and trains without held-out frames", async () => {
      useStandIn();
      const limit = TINY_SEEDS + 20;
      const all = await writeTinyDataset(join(root, "nothing-held-out"), tinyTransforms(0));
      const grows: TrainOptions = { ...options, max_resolution: 64 };
      const counts = async (name: string, maxSplats: number | null) => {
        const context = recordingContext(await runDir(name));
        const result = await engine.train(all, { ...grows, max_splats: maxSplats }, context);
        expect(result).toMatchObject({ ok: true, value: { report: { held_out_frames: 0, psnr: null } } });
        return context.output.flatMap((line) => {
          const [, count] = /Now having (\d+) GSs/.exec(line) ?? [];
          return count === undefined ? [] : [Number(count)];
        });
      };
      const free = await counts("unlimited", null);
      expect(Math.max(...free)).toBeGreaterThan(limit);
      const limited = await counts("limited", limit);
      expect(Math.max(...limited)).toBeGreaterThan(TINY_SEEDS);
      expect(Math.max(...limited)).toBeLessThanOrEqual(limit);
      const thinned = await counts("thinned", TINY_SEEDS - 50);
      expect(Math.max(...thinned)).toBeLessThanOrEqual(TINY_SEEDS - 50);
    });

    it("evaluates on a single held-out frame", async () => {
      useStandIn();
      const one = await writeTinyDataset(join(root, "one-held-out"), tinyTransforms(1));
      const context = recordingContext(await runDir("one"));
      const result = await engine.train(one, { ...options, iterations: 12 }, context);
      expect(result).toMatchObject({ ok: true, value: { report: { psnr: expect.any(Number) } } });
    });

    it("prints when it compiles gsplat's kernels, and when it waits for another process that does", () => {
      vi.stubEnv("XDG_CACHE_HOME", join(root, "cache-of-kernels"));
      const told = runPython(
        `import fcntl, sys, types
sys.path.insert(0, sys.argv[1])
import gsplat_kernels, torch
torch.cuda.is_available = lambda: True
sys.modules["gsplat.cuda._backend"] = types.ModuleType("compiled")
gsplat_kernels.import_gsplat()

folder = gsplat_kernels.cache_folder()
(folder / "gsplat_cuda").mkdir()
(folder / "gsplat_cuda" / "gsplat_cuda.so").touch()
other = open(folder / "splatt.lock", "w")
fcntl.flock(other, fcntl.LOCK_EX)
tell = gsplat_kernels.tell
def tell_and_let_go(what):
    tell(what)
    fcntl.flock(other, fcntl.LOCK_UN)
gsplat_kernels.tell = tell_and_let_go
gsplat_kernels.import_gsplat()
gsplat_kernels.import_gsplat()`,
        dirname(NERFSTUDIO_SCRIPT),
      );
      expect(told.trim().split("\n")).toEqual([
        "Splatt: compiling gsplat's CUDA kernels, once, which takes minutes",
        "Splatt: waiting while another training compiles gsplat's CUDA kernels",
      ]);
    });

    it("parses every argument list of ours", () => {
      const plan = planTraining({ ...options, preset: "high" }, tinyTransforms(), null, false);
      const args = trainArgs({ ...plan, cacheImages: "cpu" }, "checkpoint.ckpt").slice(1);
      const parse = (module: string, config: string, list: readonly string[]) =>
        runPython(
          `import sys, tyro
import ${module} as module
print(tyro.cli(${config}, args=sys.argv[1:]))`,
          ...list,
        );
      const train = parse("nerfstudio.scripts.train", "module.AnnotatedBaseConfigUnion", args);
      expect(train).toContain("load_checkpoint: checkpoint.ckpt");
      expect(train).toContain("cache_images: cpu");
      expect(parse("nerfstudio.scripts.eval", "module.ComputePSNR", evalArgs().slice(1))).toContain(
        "ComputePSNR(",
      );
      expect(
        parse("nerfstudio.scripts.exporter", "module.Commands", exportArgs("/x", "y.ply").slice(1)),
      ).toContain("ExportGaussianSplat(");
    });
  },
);
