import { fileURLToPath } from "node:url";
import type { Rotation, SplatCloud } from "@splatt/formats";
import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import { runTool } from "../../processes/run-tool.ts";
import { runRenderWorker } from "../render-worker.ts";
import type { StageContext } from "../stage.ts";
import { type SplatSample, sampleOf, splatDifference } from "./check/same-splat.ts";
import { checkLodSet } from "./lod/check-lod-set.ts";
import type { WrittenLodSet } from "./lod/write-lod-set.ts";
import { readSpz } from "./read-spz.ts";
import { readSog, type WebFileHeader } from "./sog/read-sog.ts";
import { type AxisRotation, matrixOf } from "./web-frame.ts";

/**
 * splat-transform's command line, which writes .spz, in its own process, so that its memory and crashes do not affect
 * the agent.
 */
const PROGRAM = fileURLToPath(new URL("../bin/cli.mjs", import.meta.resolve("@playcanvas/splat-transform")));
const TIMEOUT_MS = 15 * 60_000;

/** Version 4 is ZSTD, which Spark, Babylon and older tools do not read. */
const SPZ_VERSION = 3;

export interface SplatToConvert {
  /** A PLY with spherical harmonics. */
  readonly file: string;
  /** The splat in that file. */
  readonly cloud: SplatCloud;
  /** From the file's frame to that of the web formats. */
  readonly rotation: AxisRotation;
}

export const WebFormat = z.object({
  /** The file format's version, as declared in the file. */
  version: z.int().positive(),
  sh_degree: z.int().min(0).max(3),
});
export type WebFormat = z.infer<typeof WebFormat>;

/**
 * Converts a splat for the web: `.spz` and `.sog` by the target's ending.
 *
 * @returns the target's own header facts, or `export_failed` when it does not hold the splat
 */
export async function convertSplat(
  splat: SplatToConvert,
  target: string,
  context: StageContext,
): Promise<Result<WebFormat, Failure>> {
  const converted = await (target.endsWith(".sog")
    ? convertToSog(splat, target, context)
    : convertToSpz(splat, target, context));
  if (!converted.ok) return converted;
  const written = await readWebFormat(target);
  if (!written.ok) return err(failure("export_failed", `The file cannot be read: ${written.error}.`));
  const { gaussians, version, shDegree, sample } = written.value;
  if (gaussians !== splat.cloud.count) {
    const counts = `${gaussians} of ${splat.cloud.count} gaussians`;
    return err(failure("export_failed", `The file holds ${counts}.`));
  }
  const lost = splatDifference(sampleOf(splat.cloud, matrixOf(splat.rotation)), sample);
  if (lost !== null)
    return err(failure("export_failed", `The ${lost} in the file are not those of the splat.`));
  return ok({ version, sh_degree: shDegree });
}

/** What the worker threads that write web formats are started with. */
export interface WebFrameTask {
  /** A PLY with spherical harmonics. */
  readonly splatFile: string;
  /** Into the frame of the web formats. */
  readonly rotation: Rotation;
  /** The file, or the folder of a set. */
  readonly target: string;
}

/** Compresses in a separate thread, because it takes seconds. */
function convertToSog(
  { file, rotation }: SplatToConvert,
  target: string,
  context: StageContext,
): Promise<Result<string, Failure>> {
  const task: WebFrameTask = { splatFile: file, rotation: matrixOf(rotation).slice(0, 3), target };
  return runRenderWorker(new URL("./sog/sog-worker.ts", import.meta.url), task, context.signal);
}

/**
 * Writes a streamed set with levels of detail.
 *
 * @param dir its folder
 * @returns the files' names and the set's facts, or `export_failed` when the files do not hold the splat
 */
export async function convertToLodSet(
  { file, rotation, cloud }: SplatToConvert,
  dir: string,
  context: StageContext,
): Promise<Result<{ readonly files: readonly string[]; readonly format: WebFormat }, Failure>> {
  const task: WebFrameTask = { splatFile: file, rotation: matrixOf(rotation).slice(0, 3), target: dir };
  const script = new URL("./lod/lod-worker.ts", import.meta.url);
  const written = await runRenderWorker<WrittenLodSet>(script, task, context.signal);
  if (!written.ok) return written;
  const { files, levels } = written.value;
  // The finest level must be this splat, whatever the worker read.
  const finest = sampleOf(cloud, matrixOf(rotation));
  const checked = await checkLodSet(dir, cloud.count, [finest, ...levels.slice(1)]);
  if (!checked.ok) return err(failure("export_failed", `The set cannot be used: ${checked.error}.`));
  return ok({ files, format: { version: 1, sh_degree: checked.value.shDegree } });
}

async function convertToSpz(
  { file, cloud, rotation }: SplatToConvert,
  target: string,
  context: StageContext,
): Promise<Result<void, Failure>> {
  let last = "";
  const ran = await runTool({
    file: process.execPath,
    args: [
      ...[PROGRAM, "--overwrite", "--no-tty", "-g", "cpu", "--spz-version", String(SPZ_VERSION)],
      ...[file, "--filter-harmonics", String(cloud.shDegree), "--rotate", rotateArgument(rotation)],
      target,
    ],
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

/** splat-transform rotates in a frame that is turned by 180° about z, in which a turn about x is the opposite one. */
function rotateArgument({ axis, degrees }: AxisRotation): string {
  return axis === "x" ? `${-degrees},0,0` : `0,0,${degrees}`;
}

/** Reads a `.spz` or `.sog`. @returns what is in it, or why it is not valid */
export async function readWebFormat(
  path: string,
): Promise<Result<WebFileHeader & { readonly sample: SplatSample }, string>> {
  try {
    return path.endsWith(".spz") ? await readSpz(path) : await readSog(path);
  } catch (error) {
    return err(errorText(error));
  }
}
