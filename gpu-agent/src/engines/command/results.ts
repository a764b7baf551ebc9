import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Matrix4, plyVertexCount } from "@splatt/formats";
import { err, ok, RESULT_FILES, type Result } from "@splatt/shared";
import { z } from "zod";

export const SPLAT_FILE = "baked_splat_sh.ply";
export const TRANSFORMS_FILE = "transforms.json";

/** The minimum of a transforms.json: a script may use camera models that we do not. */
const PosedFrames = z.object({
  frames: z.array(z.object({ file_path: z.string(), transform_matrix: Matrix4 })).min(1),
});

/** Checks the results of a command. @returns the number of gaussians, or what is wrong */
export async function checkResults(dir: string): Promise<Result<number, string>> {
  let gaussians = 0;
  for (const name of RESULT_FILES.filter((file) => file.endsWith(".ply"))) {
    const count = await plyVertexCount(join(dir, name));
    if (!count.ok) return err(`${name}: ${count.error}`);
    if (name === SPLAT_FILE) gaussians = count.value;
  }
  const text = await readFile(join(dir, TRANSFORMS_FILE), "utf8").catch(() => null);
  if (text === null) return err(`${TRANSFORMS_FILE}: it does not exist`);
  try {
    PosedFrames.parse(JSON.parse(text));
  } catch {
    return err(`${TRANSFORMS_FILE}: it has no frames with 4×4 poses`);
  }
  return ok(gaussians);
}
