import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { psnrOfSplat } from "@splatt/cpu-trainer/testing";
import { readDataset, readShPly } from "@splatt/formats";
import { parseRelease } from "@splatt/gpu-agent/engines/opensplat/release";
import { trainArgs, writeDatasetView } from "@splatt/gpu-agent/engines/opensplat/run-layout";
import { runTool } from "@splatt/gpu-agent/processes/run-tool";

const HOUR_MS = 3_600_000;
const SAVES = 8;

/** PSNR, in dB, of held-out frames after this many seconds of training. */
export interface Reached {
  readonly seconds: number;
  readonly psnr: number;
}

export interface PeerRun {
  /** The program opensplat. */
  readonly path: string;
  /** A folder for its output. */
  readonly dir: string;
  /** The dataset's folder. */
  readonly dataset: string;
  readonly iterations: number;
  /** The longer side, in pixels, for training and evaluation. */
  readonly longSide: number;
}

/**
 * Trains with OpenSplat on the CPU, and evaluates its saved splats exactly as the builtin trainer evaluates itself:
 * the same held-out frames at the same size, rendered by the same kernels.
 */
export async function trainWithOpensplat(run: PeerRun): Promise<Reached[]> {
  const transforms = await readDataset({ dir: run.dataset });
  if (!transforms.ok) throw new Error(transforms.error.detail);
  await mkdir(run.dir, { recursive: true });
  await writeDatasetView(run.dir, transforms.value, { dir: run.dataset });
  const options = { ...run, preset: "draft" as const, max_splats: null, max_resolution: run.longSide };
  const release = parseRelease(await opensplat(run, ["--version"], () => undefined));
  if (release === null) throw new Error(`${run.path} is not OpenSplat`);
  const args = trainArgs(release, options, transforms.value, null);
  args[args.indexOf("--save-every") + 1] = String(Math.ceil(run.iterations / SAVES));

  const saves: { seconds: number; file: string }[] = [];
  const began = performance.now();
  await opensplat(run, [...args, "--cpu"], (line) => {
    const [, file] = /^Wrote (splat_\d+\.ply)$/.exec(line) ?? [];
    if (file !== undefined) saves.push({ seconds: (performance.now() - began) / 1000, file });
  });
  const reached: Reached[] = [];
  for (const { seconds, file } of saves) {
    const cloud = await readShPly(join(run.dir, file));
    if (!cloud.ok) throw new Error(cloud.error);
    const psnr = await psnrOfSplat(cloud.value, { dir: run.dataset }, run.longSide);
    console.log(
      `${seconds.toFixed(1).padStart(8)}   ${file} ${cloud.value.count} gaussians, held-out psnr ${psnr.toFixed(2)}`,
    );
    reached.push({ seconds, psnr });
  }
  return reached;
}

async function opensplat(
  { path, dir }: PeerRun,
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<readonly string[]> {
  const exit = await runTool({
    ...{ file: path, args, cwd: dir, onLine },
    signal: new AbortController().signal,
    timeoutMs: HOUR_MS,
    silenceMs: HOUR_MS,
  });
  if (!exit.ok) throw new Error(`${exit.error.code}: ${exit.error.detail}`);
  if (exit.value.exitCode !== 0) throw new Error(exit.value.tail.join("\n"));
  return exit.value.tail;
}
