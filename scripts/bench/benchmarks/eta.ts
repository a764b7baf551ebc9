import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readMachineConfig } from "@splatt/gpu-agent/config";
import { GpuHost } from "@splatt/gpu-agent/gpu-host";
import { type LocalSource, runLocally } from "@splatt/gpu-agent/local-run/local-run";
import { createLogger } from "@splatt/gpu-agent/log";
import { makeSampleClip } from "@splatt/sample-clip";
import { JobOptions } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";

/**
 * `npm run bench -- eta [VIDEO] [--runs N] [--iterations N] [--engine NAME]`: the error of the ETA. Runs the whole
 * pipeline repeatedly, at first without recorded stage times, and compares the ETA at 25, 50 and 75 % of the time with
 * the actual time left.
 */

const AT = [0.25, 0.5, 0.75];

interface Said {
  readonly second: number;
  readonly eta: number;
  readonly percent: number;
}

async function run(workspace: string, source: LocalSource, options: JobOptions): Promise<number[]> {
  const out = await mkdtemp(join(tmpdir(), "splatt-eta-"));
  try {
    const log = createLogger({ level: "silent", format: "json" });
    const config = readMachineConfig({ ...process.env, WORKSPACE_ROOT: workspace, ENGINE: options.engine });
    if (!config.ok) throw new Error(config.problems.join("\n"));
    const host = await GpuHost.setUp(config.config, log);
    const said: Said[] = [];
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const outcome = await runLocally({
      host,
      source,
      options,
      out,
      log,
      onProgress: ({ eta_seconds, progress }) => {
        if (eta_seconds !== null) said.push({ second: seconds(), eta: eta_seconds, percent: progress });
      },
      signal: new AbortController().signal,
    });
    if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.detail}`);
    return errors(said, seconds());
  } finally {
    await rm(out, { recursive: true });
  }
}

/**
 * The error of the last ETA before each moment, relative to the time left. Prints it with the progress bar's
 * percentage.
 */
function errors(said: readonly Said[], total: number): number[] {
  const found = AT.map((share) => {
    const moment = share * total;
    const last = said.findLast(({ second }) => second <= moment);
    if (last === undefined) return { error: 1, percent: 0 };
    const eta = Math.max(0, last.eta - (moment - last.second));
    return { error: Math.abs(eta - (total - moment)) / (total - moment), percent: last.percent };
  });
  const cells = found.map(({ error, percent }) =>
    `${(100 * error).toFixed(0)} % (bar ${percent} %)`.padStart(19),
  );
  console.log(`${total.toFixed(0).padStart(5)} s ${cells.join("")}`);
  return found.map(({ error }) => error);
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "4" },
    iterations: { type: "string", default: "1500" },
    engine: { type: "string", default: "builtin" },
  },
});
const workspace = await mkdtemp(join(tmpdir(), "splatt-eta-workspace-"));
try {
  const given = positionals[0];
  const path =
    given === undefined ? join(workspace, "sample.mp4") : resolve(process.env.INIT_CWD ?? ".", given);
  if (given === undefined) {
    const made = await makeSampleClip(path);
    if (!made.ok) throw new Error(made.error.detail);
  }
  const { size, mtimeMs } = await stat(path);
  const source: LocalSource = { kind: "file", video: { path, size, modifiedMs: mtimeMs } };
  const options = JobOptions.parse({ iterations: values.iterations, engine: values.engine });
  console.log(
    `The ETA's error relative to the time left, at\n  total ${AT.map((at) => `${100 * at} %`.padStart(19)).join("")}`,
  );
  const all: number[][] = [];
  for (let i = 0; i < Number(values.runs); i++) all.push(await run(workspace, source, options));
  const [first, ...later] = all;
  const mean = (runs: readonly number[][], at: number) =>
    runs.reduce((sum, errorsOfRun) => sum + (errorsOfRun[at] ?? 0), 0) / runs.length;
  const row = (runs: readonly number[][]) =>
    AT.map((_, at) => `${(100 * mean(runs, at)).toFixed(0)} %`).join(", ");
  console.log(`\nfirst run, from built-in estimates: ${row(first === undefined ? [] : [first])}`);
  if (later.length > 0)
    console.log(`mean of the ${later.length} later runs, from recorded stage times: ${row(later)}`);
} finally {
  await rm(workspace, { recursive: true });
}
