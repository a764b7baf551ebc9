import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { psnrOfSplat } from "@splatt/cpu-trainer/testing";
import { readDataset, readShPly } from "@splatt/formats";
import type { TrainOptions } from "@splatt/gpu-agent/engines/engine";
import { surveyGpus } from "@splatt/gpu-agent/engines/gpus";
import { writeDatasetView } from "@splatt/gpu-agent/engines/nerfstudio/dataset-view";
import { createNerfstudioEngine } from "@splatt/gpu-agent/engines/nerfstudio/engine";
import { parseHeldOutMetrics } from "@splatt/gpu-agent/engines/nerfstudio/held-out-metrics";
import { findInstallation, toolEnvironment } from "@splatt/gpu-agent/engines/nerfstudio/installation";
import {
  commandLine,
  evalArgs,
  METRICS_FILE,
  trainArgs,
} from "@splatt/gpu-agent/engines/nerfstudio/run-layout";
import { planTraining } from "@splatt/gpu-agent/engines/nerfstudio/training-plan";
import { createLogger } from "@splatt/gpu-agent/log";
import type { StageContext } from "@splatt/gpu-agent/pipeline/stage";
import { runTool } from "@splatt/gpu-agent/processes/run-tool";
import { type GpuInfo, Preset, type TrainReport } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";

/**
 * `NERF_PYTHON_PATH=… npm run bench -- nerfstudio DATASET [--iterations N] [--preset NAME …]`: splatfacto on this
 * machine's GPU, with each preset's schedule. Compares with the same number of steps of nerfstudio's own schedule.
 * Prints seconds, gaussians, peak GPU memory and the quality of held-out frames: as measured by nerfstudio,
 * and of the exported splat, rendered by the builtin trainer's kernels.
 *
 * DATASET is a folder with a transforms.json, as the poses stage leaves it.
 */

const HOUR_MS = 3_600_000;
const MEMORY_LOOK_MS = 500;
/** The options of a plan's schedule; without them nerfstudio uses its own. */
const SCHEDULE = /^--(pipeline\.model|optimizers)\./;

interface Row {
  readonly name: string;
  readonly seconds: number;
  readonly peakMemory: number;
  readonly report: Pick<TrainReport, "gaussians" | "width" | "height" | "psnr" | "ssim">;
  /** PSNR of the exported splat, in dB; null where none was exported. */
  readonly drawn: number | null;
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    iterations: { type: "string", default: "5000" },
    preset: { type: "string", multiple: true, default: ["standard"] },
  },
});
const [dataset] = positionals;
if (dataset === undefined) throw new Error("Name a folder with a transforms.json.");
const dir = resolve(dataset);
const read = await readDataset({ dir });
if (!read.ok) throw new Error(read.error.detail);
const transforms = read.value;
const installation = findInstallation(process.env.NERF_PYTHON_PATH ?? null);
if (installation === null) throw new Error("NERF_PYTHON_PATH is not set, and ns-train is not on the PATH.");
const gpu = await firstGpu();
const engine = createNerfstudioEngine({ pythonPath: installation.python, gpuUuid: gpu.uuid });
const probe = await engine.probe();
console.log(probe.reason);
if (!probe.usable) process.exit(1);

const rows: Row[] = [];
for (const preset of values.preset.map((name) => Preset.parse(name))) {
  const options = {
    iterations: Number(values.iterations),
    preset,
    max_splats: null,
    max_resolution: null,
  };
  rows.push(await ours(options), await nerfstudios(options));
}
console.log(`\n${dir}: ${transforms.frames.length} frames, ${values.iterations} steps, ${gpu.name}\n`);
console.table(
  rows.map(({ report, peakMemory, ...row }) => ({ ...row, ...report, peakGiB: peakMemory / 1024 ** 3 })),
);

async function ours(options: TrainOptions): Promise<Row> {
  return inFolder(async (context) => {
    const { seconds, peakMemory, value } = await watched(() => engine.train({ dir }, options, context));
    if (!value.ok) throw new Error(`${value.error.code}: ${value.error.detail}`);
    const file = join(context.dir, "splat.ply");
    const exported = await engine.exportSplats(context.dir, value.value, file, context);
    if (!exported.ok) throw new Error(`${exported.error.code}: ${exported.error.detail}`);
    const cloud = await readShPly(file);
    if (!cloud.ok) throw new Error(cloud.error);
    const { width, height } = exported.value;
    const drawn = await psnrOfSplat(cloud.value, { dir }, Math.max(width, height));
    return { name: options.preset, seconds, peakMemory, report: exported.value, drawn };
  });
}

/** Trains the same dataset at the same size, as `ns-train splatfacto` would. */
async function nerfstudios(options: TrainOptions): Promise<Row> {
  return inFolder(async (context) => {
    const plan = planTraining(options, transforms, null, false);
    await writeDatasetView(context.dir, transforms, { dir }, true);
    let gaussians = 0;
    const run = async (args: readonly string[]) => {
      const exit = await runTool({
        file: installation?.python ?? "",
        args,
        cwd: context.dir,
        env: toolEnvironment(installation?.python ?? "", gpu.uuid),
        signal: context.signal,
        timeoutMs: HOUR_MS,
        silenceMs: HOUR_MS,
        onLine: (line) => {
          context.toolOutput(line);
          const [, count] = /Now having (\d+) GSs/.exec(line) ?? [];
          if (count !== undefined) gaussians = Number(count);
        },
      });
      if (!exit.ok) throw new Error(`${exit.error.code}: ${exit.error.detail}`);
    };
    const args = trainArgs(plan, null);
    const own = args.filter((arg, i) => !SCHEDULE.test(arg) && !SCHEDULE.test(args[i - 1] ?? ""));
    const { seconds, peakMemory } = await watched(async () => {
      await run(commandLine(own, evalArgs()));
    });
    const metrics = parseHeldOutMetrics(await readFile(join(context.dir, METRICS_FILE), "utf8"));
    const { width, height } = plan;
    const report = { gaussians, width, height, psnr: metrics?.psnr ?? null, ssim: metrics?.ssim ?? null };
    return { name: `nerfstudio's schedule (${options.preset})`, seconds, peakMemory, report, drawn: null };
  });
}

async function inFolder<T>(use: (context: StageContext) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  try {
    return await use({
      dir: folder,
      signal: new AbortController().signal,
      log: createLogger({ level: "warn", format: "json" }),
      report: () => undefined,
      toolOutput: () => undefined,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Measures the duration and the GPU's peak memory use, in bytes. */
async function watched<T>(
  work: () => Promise<T>,
): Promise<{ seconds: number; peakMemory: number; value: T }> {
  let peakMemory = 0;
  let over = false;
  const watching = (async () => {
    while (!over) {
      const { memory_total, memory_free } = await firstGpu();
      peakMemory = Math.max(peakMemory, memory_total - (memory_free ?? memory_total));
      await new Promise((resolve) => setTimeout(resolve, MEMORY_LOOK_MS));
    }
  })();
  const began = performance.now();
  const value = await work();
  const seconds = (performance.now() - began) / 1000;
  over = true;
  await watching;
  return { seconds, peakMemory, value };
}

async function firstGpu(): Promise<GpuInfo> {
  const [first] = (await surveyGpus()).gpus;
  if (first === undefined) throw new Error("nvidia-smi lists no GPU.");
  return first;
}
