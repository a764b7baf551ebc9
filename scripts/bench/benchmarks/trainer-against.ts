import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createLogger } from "@splatt/gpu-agent/log";
import { Preset } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";

/**
 * `npm run bench -- trainer-against CHECKOUT DATASET... [--iterations N] [--threads N] [--preset NAME] [--rounds N]
 * [--max-splats N] [--max-resolution N]`: the builtin trainer beside that of another, set up checkout of this
 * repository, such as the last version. They train the same datasets in turn. Prints processor seconds, which a busy
 * machine changes less than the clock's, and the PSNR of held-out frames over them.
 */

type CreateEngine = typeof import("@splatt/gpu-agent/engines/builtin/engine").createBuiltinEngine;

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    iterations: { type: "string", default: "1500" },
    threads: { type: "string", default: "1" },
    preset: { type: "string", default: "standard" },
    rounds: { type: "string", default: "1" },
    "max-splats": { type: "string" },
    "max-resolution": { type: "string" },
  },
});
const from = process.env.INIT_CWD ?? process.cwd();
const [checkout, ...datasets] = positionals;
if (checkout === undefined || datasets.length === 0) throw new Error("Missing argument: CHECKOUT or DATASET");
const optional = (value: string | undefined) => (value === undefined ? null : Number(value));
const options = {
  iterations: Number(values.iterations),
  preset: Preset.parse(values.preset),
  max_splats: optional(values["max-splats"]),
  max_resolution: optional(values["max-resolution"]),
};

const ENGINE = "gpu-agent/src/engines/builtin/engine.ts";
async function engineOf(root: string): Promise<CreateEngine> {
  const module: { createBuiltinEngine: CreateEngine } = await import(pathToFileURL(join(root, ENGINE)).href);
  return module.createBuiltinEngine;
}

const engines = [
  { label: "other", create: await engineOf(resolve(from, checkout)) },
  { label: "this", create: await engineOf(join(import.meta.dirname, "../../..")) },
];

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function run(label: string, create: CreateEngine, dataset: string): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const began = processorSeconds();
  const curve: string[] = [];
  try {
    const trained = await create({ threads: Number(values.threads) }).train({ dir: dataset }, options, {
      dir,
      signal: new AbortController().signal,
      log: createLogger({ level: "silent", format: "json" }),
      report: () => undefined,
      toolOutput: (line) => {
        const [, psnr] = / held-out psnr ([\d.]+)$/.exec(line) ?? [];
        if (psnr !== undefined) curve.push(`${(processorSeconds() - began).toFixed(1)} s ${psnr}`);
      },
    });
    if (!trained.ok) throw new Error(`${trained.error.code}: ${trained.error.detail}`);
    const { psnr, ssim, gaussians } = trained.value.report;
    const seconds = processorSeconds() - began;
    console.log(
      `${label.padEnd(6)} ${seconds.toFixed(1)} s, ${psnr?.toFixed(2)} dB, SSIM ${ssim?.toFixed(4)}, ${gaussians} gaussians` +
        `\n         ${curve.join("; ")}`,
    );
    return seconds;
  } finally {
    await rm(dir, { recursive: true });
  }
}

for (const dataset of datasets) {
  for (let round = 0; round < Number(values.rounds); round++) {
    console.log(`\n${dataset}`);
    const seconds: number[] = [];
    for (const { label, create } of engines) seconds.push(await run(label, create, resolve(from, dataset)));
    const [other = Number.NaN, own = Number.NaN] = seconds;
    console.log(`processor time: ${(own / other).toFixed(2)} of the other's`);
  }
}
