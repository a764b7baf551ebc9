import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Preset } from "@splatt/shared";
import { createBuiltinEngine } from "../../gpu-agent/src/engines/builtin/engine.ts";
import { createLogger } from "../../gpu-agent/src/log.ts";
import { dataDir } from "../lib/local-machine.ts";

/**
 * `npm run bench:trainer [-- DATASET] [--iterations N] [--preset NAME]`: the builtin trainer on the dataset that
 * the last demo left (or on any other with a transforms.json), on one thread and on all of them. Prints how the
 * PSNR of held-out frames grows over time, what an iteration costs, and what the threads gain.
 */

const DEMO_JOBS = join(dataDir(process.env), "demo", "workspace", "jobs");

interface Run {
  readonly seconds: number;
  readonly psnr: number | null;
}

async function run(dataset: string, iterations: number, preset: Preset, threads: number): Promise<Run> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  console.log(`\n${threads} thread${threads === 1 ? "" : "s"}\n seconds   step`);
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
        toolOutput: (line) => console.log(`${elapsed().toFixed(1).padStart(8)}   ${line}`),
      },
    );
    if (!trained.ok) throw new Error(`${trained.error.code}: ${trained.error.detail}`);
    console.log(JSON.stringify(trained.value.report));
    return { seconds: elapsed(), psnr: trained.value.report.psnr };
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
  throw new Error(
    "There is no dataset yet: run `npm run demo` first, or name a folder with a transforms.json.",
  );
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    iterations: { type: "string", default: "1500" },
    preset: { type: "string", default: "standard" },
  },
});
const from = process.env.INIT_CWD ?? process.cwd();
const dataset = positionals[0] === undefined ? await lastDemoDataset() : resolve(from, positionals[0]);
const iterations = Number(values.iterations);
const preset = Preset.parse(values.preset);
console.log(`${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores; preset ${preset}`);

const all = await run(dataset, iterations, preset, availableParallelism());
const one = await run(dataset, iterations, preset, 1);
console.log(`\nAll threads are ${(one.seconds / all.seconds).toFixed(2)} times as fast as one.`);
