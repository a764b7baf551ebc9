import { constants, copyFile } from "node:fs/promises";
import { join } from "node:path";
import { plyVertexCount } from "@splatt/formats";
import { err, failure, ok, type TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { TrainedModel } from "./engine.ts";

/**
 * The export for engines whose program already writes a splat PLY. Fails with `export_failed`.
 */
export async function exportPly(
  trainDir: string,
  { model, report }: TrainedModel,
  file: string,
  context: StageContext,
): Promise<StageResult<TrainReport>> {
  context.report({ fraction: 0, message: "Exporting the splat" });
  const source = join(trainDir, model);
  const gaussians = await plyVertexCount(source);
  if (!gaussians.ok) {
    return err(failure("export_failed", `The trainer's PLY cannot be read: ${gaussians.error}.`));
  }
  await copyFile(source, file, constants.COPYFILE_FICLONE);
  return ok({ ...report, gaussians: gaussians.value });
}
