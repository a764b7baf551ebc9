import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared";
import { strFromU8, unzipSync } from "fflate";
import { z } from "zod";
import { runTool } from "../../processes/run-tool.ts";
import { runRenderWorker } from "../render-worker.ts";
import type { StageContext } from "../stage.ts";
import type { SogTask } from "./sog/sog-worker.ts";
import { type AxisRotation, matrixOf } from "./web-frame.ts";

/** splat-transform's command line, which writes .spz, in its own process, so that its memory and crashes do not affect the agent. */
const PROGRAM = fileURLToPath(new URL("../bin/cli.mjs", import.meta.resolve("@playcanvas/splat-transform")));
const TIMEOUT_MS = 15 * 60_000;

/** Version 4 is ZSTD, which Spark, Babylon and older tools do not read. */
const SPZ_VERSION = 3;

export interface SplatToConvert {
  /** A PLY with spherical harmonics. */
  readonly file: string;
  readonly gaussians: number;
  readonly shDegree: number;
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
  const { gaussians, version, shDegree } = written.value;
  if (gaussians !== splat.gaussians) {
    const counts = `${gaussians} of ${splat.gaussians} gaussians`;
    return err(failure("export_failed", `The file holds ${counts}.`));
  }
  return ok({ version, sh_degree: shDegree });
}

/** Compresses in a separate thread, because it takes seconds. */
function convertToSog(
  { file, rotation }: SplatToConvert,
  target: string,
  context: StageContext,
): Promise<Result<string, Failure>> {
  const turn = matrixOf(rotation).slice(0, 3);
  const task: SogTask = { splatFile: file, rotation: turn, sogFile: target };
  return runRenderWorker(new URL("./sog/sog-worker.ts", import.meta.url), task, context.signal);
}

async function convertToSpz(
  { file, shDegree, rotation }: SplatToConvert,
  target: string,
  context: StageContext,
): Promise<Result<void, Failure>> {
  let last = "";
  const ran = await runTool({
    file: process.execPath,
    args: [
      ...[PROGRAM, "--overwrite", "--no-tty", "-g", "cpu", "--spz-version", String(SPZ_VERSION)],
      ...[file, "--filter-harmonics", String(shDegree), "--rotate", rotateArgument(rotation)],
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

interface WebFileHeader {
  readonly version: number;
  readonly gaussians: number;
  readonly shDegree: number;
}

/** Reads the header of a `.spz` or `.sog`. @returns the facts in it, or why it is not valid */
export async function readWebFormat(path: string): Promise<Result<WebFileHeader, string>> {
  try {
    return path.endsWith(".spz") ? await readSpzHeader(path) : await readSogHeader(path);
  } catch (error) {
    return err(errorText(error));
  }
}

const SPZ_MAGIC = 0x5053474e;
const SPZ_HEADER_BYTES = 16;

/** "NGSP", version, number of gaussians, then a byte for the degree; all of it gzipped up to version 3. */
async function readSpzHeader(path: string): Promise<Result<WebFileHeader, string>> {
  const bytes = gunzipSync(await readFile(path));
  if (bytes.length < SPZ_HEADER_BYTES || bytes.readUInt32LE(0) !== SPZ_MAGIC) return err("it is not a .spz");
  const [version, gaussians, shDegree] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt8(12)];
  const perGaussian = 9 + 3 + 3 + 1 + 4 + 3 * ((shDegree + 1) ** 2 - 1);
  if (bytes.length < SPZ_HEADER_BYTES + gaussians * perGaussian) return err("it is cut off");
  return ok({ version, gaussians, shDegree });
}

const SogMeta = z.object({
  version: z.int(),
  count: z.int().nonnegative(),
  shN: z.object({ bands: z.int().min(1).max(3) }).optional(),
});

/** A ZIP with a meta.json. */
async function readSogHeader(path: string): Promise<Result<WebFileHeader, string>> {
  const entries = unzipSync(await readFile(path), { filter: ({ name }) => name === "meta.json" });
  const text = entries["meta.json"];
  if (text === undefined) return err("it has no meta.json");
  const { version, count, shN } = SogMeta.parse(JSON.parse(strFromU8(text)));
  return ok({ version, gaussians: count, shDegree: shN?.bands ?? 0 });
}
