import { mkdir, rm } from "node:fs/promises";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { type Adjustment, adjustBundle } from "./colmap-commands.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { type ColmapJob, runStep, stepFailure } from "./colmap-step.ts";
import { modelFault } from "./model-check.ts";
import { readModel, writeModel } from "./model-files.ts";
import { MAX_REPROJECTION_ERROR, observationsOf, withoutOutliers } from "./observations.ts";

/** Before the first adjustment, observations may be off by this many pixels. */
const FIRST_MAX_ERROR = 24;

/**
 * Improves cameras and points together with COLMAP, then leaves out observations that do not fit, twice.
 *
 * @param work a folder for the models in between, which is emptied first
 * @param firstMaxError observations that are farther off (pixels) are left out before the first adjustment
 * @returns `colmap_failed` when COLMAP breaks or its model lacks images or cannot be used; and what `runTool` returns
 */
export async function adjustModel(
  job: ColmapJob,
  model: ColmapModel,
  adjustment: Adjustment,
  work: string,
  firstMaxError = FIRST_MAX_ERROR,
): Promise<Result<ColmapModel, Failure>> {
  await rm(work, { recursive: true, force: true });
  let adjusted = withoutOutliers(model, firstMaxError);
  for (const round of [1, 2]) {
    const [input, output] = [`${work}/${round}-in`, `${work}/${round}-out`];
    await writeModel(input, adjusted);
    await mkdir(output, { recursive: true });
    const ran = await runStep(job, {
      name: "bundle adjustment",
      commands: () => [adjustBundle(job.dialect, adjustment, input, output)],
      onEvent: () => undefined,
    });
    if (!ran.ok) return ran;
    const found = await readModel(output);
    if (!found.ok) {
      const failed = await stepFailure(job, "bundle adjustment", ran.value);
      return err({ ...failed, detail: `${failed.detail} ${found.error}` });
    }
    const fault = modelFault(found.value, job.sizes);
    if (fault !== null) return err(failure("colmap_failed", `After bundle adjustment, ${fault.detail}.`));
    if (found.value.images.length !== model.images.length)
      return err(failure("colmap_failed", "Bundle adjustment has lost images."));
    adjusted = withoutOutliers(found.value, MAX_REPROJECTION_ERROR);
    if (observationsOf(adjusted).count === 0)
      return err(failure("colmap_failed", "After bundle adjustment, no point fits."));
  }
  return ok(adjusted);
}
