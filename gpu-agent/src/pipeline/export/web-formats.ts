import type { Rotation, SplatCloud } from "@splatt/formats";
import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import { runRenderWorker } from "../render-worker.ts";
import type { StageContext } from "../stage.ts";
import { type SplatSample, sampleOf, splatDifference } from "./check/same-splat.ts";
import { checkLodSet } from "./lod/check-lod-set.ts";
import type { WrittenLodSet } from "./lod/write-lod-set.ts";
import { readSog, type WebFileHeader } from "./sog/read-sog.ts";
import { readSpz } from "./spz/read-spz.ts";
import { type AxisRotation, matrixOf } from "./web-frame.ts";

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
  const task: WebFrameTask = {
    splatFile: splat.file,
    rotation: matrixOf(splat.rotation).slice(0, 3),
    target,
  };
  const script = new URL("./web-format-worker.ts", import.meta.url);
  // In a separate thread, because it takes seconds.
  const converted = await runRenderWorker(script, task, context.signal);
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
