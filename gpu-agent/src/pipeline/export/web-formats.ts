import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { runTool } from "../../processes/run-tool.ts";
import type { StageContext } from "../stage.ts";

/** splat-transform's command line: a process of its own, so that neither its memory nor its crashes are ours. */
const PROGRAM = join(
  dirname(fileURLToPath(import.meta.resolve("@playcanvas/splat-transform"))),
  "..",
  "bin",
  "cli.mjs",
);
const TIMEOUT_MS = 15 * 60_000;

/**
 * Up to so many gaussians the processor compresses the first band of spherical harmonics for a .sog within a minute
 * (39 k: 13 s; without it 3 s). All bands take a GPU.
 */
const SOG_FIRST_BAND_MAX = 100_000;

/**
 * Converts the splat for the web: `.spz` and `.sog` by the target's ending. A `.sog` is compressed on the GPU when
 * there is one that WebGPU can use; the processor has to leave out the higher bands of spherical harmonics.
 */
export async function convertSplat(
  splatFile: string,
  target: string,
  gaussians: number,
  hasGpu: boolean,
  context: StageContext,
): Promise<Result<void, Failure>> {
  const onCpu = ["-g", "cpu"];
  if (target.endsWith(".spz")) return transform(onCpu, splatFile, [], target, context);
  if (hasGpu) {
    const converted = await transform([], splatFile, [], target, context);
    if (converted.ok || context.signal.aborted) return converted;
  }
  const bands = gaussians <= SOG_FIRST_BAND_MAX ? "1" : "0";
  return transform(onCpu, splatFile, ["--filter-harmonics", bands], target, context);
}

async function transform(
  device: readonly string[],
  splatFile: string,
  actions: readonly string[],
  target: string,
  context: StageContext,
): Promise<Result<void, Failure>> {
  let last = "";
  const ran = await runTool({
    file: process.execPath,
    args: [PROGRAM, "--overwrite", "--no-tty", ...device, splatFile, ...actions, target],
    cwd: context.dir,
    signal: context.signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    onLine: (line) => {
      last = line;
      context.toolOutput(line);
    },
  });
  if (!ran.ok) return ran;
  return ran.value.exitCode === 0 ? ok(undefined) : err(failure("export_failed", last));
}
