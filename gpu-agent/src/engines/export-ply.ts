import { join } from "node:path";
import { finiteGaussians, readShPly, writeShPly } from "@splatt/formats";
import { err, failure, ok, type TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { TrainedModel } from "./engine.ts";

/**
 * The export of an engine whose program leaves a splat PLY of its own: the same gaussians in our layout,
 * without those that are no numbers.
 *
 * Fails with `export_failed` or `training_diverged`.
 */
export async function exportPly(
  trainDir: string,
  { model, report }: TrainedModel,
  file: string,
  context: StageContext,
): Promise<StageResult<TrainReport>> {
  context.report({ fraction: 0, message: "Exporting the splat" });
  const read = await readShPly(join(trainDir, model));
  if (!read.ok) return err(failure("export_failed", `What the trainer wrote cannot be read: ${read.error}.`));
  const cloud = finiteGaussians(read.value);
  if (cloud.count === 0) return err(failure("training_diverged", "No gaussian with finite values is left."));
  await writeShPly(file, cloud);
  context.report({ fraction: 1, message: "Exported the splat" });
  return ok({ ...report, gaussians: cloud.count, sh_degree: cloud.shDegree });
}
