import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createBuiltinEngine } from "@splatt/gpu-agent/engines/builtin/engine";
import { createLogger } from "@splatt/gpu-agent/log";
import { dataDir } from "@splatt/local/local-machine";
import { Preset } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";
import { type Reached, trainWithOpensplat } from "../opensplat-peer.ts";

/**
 * `npm run bench -- trainer [DATASET] [--iterations N] [--preset NAME] [--opensplat PROGRAM]`: the builtin trainer
 * on the last demo's dataset (or any other with a transforms.json), on one thread and on all threads. Prints the PSNR
 * of held-out frames over time, the time to the first step, the cost of an iteration and the speed-up by threads.
 * With --opensplat it races OpenSplat's CPU build to the PSNR that OpenSplat reaches in --opensplat-iterations.
 */

const DEMO_JOBS = join(dataDir(process.env), "demo", "workspace", "jobs");

interface Run {
  readonly seconds: number;
  readonly firstStepSeconds: number;
  /** The longer side of the training images, in pixels. */
  readonly longSide: number;
  readonly reached: readonly Reached[];
}

async function run(dataset: string, iterations: number, preset: Preset, threads: number): Promise<Run> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  console.log(`\n${threads} thread${threads === 1 ? "" : "s"}\n seconds   step`);
  const reached: Reached[] = [];
  let firstStepSeconds = Number.NaN;
  try {
    const engine = createBuiltinEngine({ threads });
    const trained = await engine.train(
      { dir: dataset },
      { iterations, preset, max_splats: null, max_resolution: null },
      {
        dir,
        signal: new AbortController().signal,
        log: createLogger({ level: "silent", format: "json" }),
        report: () => undefined,
        toolOutput: (line) => {
          const seconds = elapsed();
          console.log(`${seconds.toFixed(1).padStart(8)}   ${line}`);
          // The trainer prints the line once the photos are loaded and the gaussians initialised.
          if (line.startsWith("starting with ")) firstStepSeconds = seconds;
          const [, psnr] = / held-out psnr ([\d.]+)$/.exec(line) ?? [];
          if (psnr !== undefined) reached.push({ seconds, psnr: Number(psnr) });
        },
      },
    );
    if (!trained.ok) throw new Error(`${trained.error.code}: ${trained.error.detail}`);
    const { report } = trained.value;
    console.log(JSON.stringify(report));
    if (report.psnr !== null) reached.push({ seconds: elapsed(), psnr: report.psnr });
    return {
      seconds: elapsed(),
      firstStepSeconds,
      longSide: Math.max(report.width, report.height),
      reached,
    };
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function lastDemoDataset(): Promise<string> {
  const jobs = await readdir(DEMO_JOBS).catch(() => []);
  const datasets = jobs.map((job) => join(DEMO_JOBS, job, "poses"));
  for (const dataset of datasets) {
    if ((await stat(join(dataset, "transforms.json")).catch(() => null)) !== null) return dataset;
  }
  throw new Error("No dataset found. Run `npm run demo` first, or pass a folder with a transforms.json.");
}

/** The time at which a run first reached this PSNR, interpolated between its evaluations. */
function secondsTo(psnr: number, reached: readonly Reached[]): number | null {
  let before: Reached = { seconds: 0, psnr: 0 };
  for (const look of reached) {
    if (look.psnr >= psnr) {
      const share = (psnr - before.psnr) / (look.psnr - before.psnr);
      return before.seconds + share * (look.seconds - before.seconds);
    }
    before = look;
  }
  return null;
}

async function race(opensplat: string, builtin: Run): Promise<void> {
  console.log("\nOpenSplat\n seconds   saved");
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  try {
    const peer = await trainWithOpensplat({
      path: resolve(from, opensplat),
      ...{ dir, dataset, longSide: builtin.longSide },
      iterations: Number(values["opensplat-iterations"]),
    });
    const goal = Math.max(...peer.map(({ psnr }) => psnr));
    const [theirs, ours] = [secondsTo(goal, peer), secondsTo(goal, builtin.reached)];
    if (theirs === null || ours === null) {
      console.log(`\nThe builtin trainer never reached OpenSplat's ${goal.toFixed(2)} dB.`);
    } else {
      console.log(
        `\nTo ${goal.toFixed(2)} dB OpenSplat took ${theirs.toFixed(1)} s, the builtin trainer ${ours.toFixed(1)} s: ` +
          `${(theirs / ours).toFixed(1)} times as fast.`,
      );
    }
  } finally {
    await rm(dir, { recursive: true });
  }
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    iterations: { type: "string", default: "1500" },
    preset: { type: "string", default: "standard" },
    opensplat: { type: "string" },
    "opensplat-iterations": { type: "string", default: "800" },
  },
});
const from = process.env.INIT_CWD ?? process.cwd();
const dataset = positionals[0] === undefined ? await lastDemoDataset() : resolve(from, positionals[0]);
const iterations = Number(values.iterations);
const preset = Preset.parse(values.preset);
console.log(`${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores; preset ${preset}`);

const all = await run(dataset, iterations, preset, availableParallelism());
const one = await run(dataset, iterations, preset, 1);
console.log(
  `\nThe first step starts after ${all.firstStepSeconds.toFixed(1)} s on all threads, ${one.firstStepSeconds.toFixed(1)} s on one.` +
    `\nAll threads are ${(one.seconds / all.seconds).toFixed(2)} times as fast as one.`,
);
if (values.opensplat !== undefined) await race(values.opensplat, all);
