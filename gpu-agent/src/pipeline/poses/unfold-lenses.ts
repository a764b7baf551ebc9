import { type Failure, ok, type Result } from "@splatt/shared";
import { adjustModel } from "./bundle-adjustment.ts";
import { fromOpenCv, toOpenCv } from "./camera-models.ts";
import type { ColmapModel } from "./colmap-model.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { foldsInPicture, withoutFold } from "./lens-shape.ts";
import { MAX_REPROJECTION_ERROR, observationsOf, whyWorse, withoutOutliers } from "./observations.ts";

export interface UnfoldedModel {
  readonly model: ColmapModel;
  /** For the person who sent the pictures; null when no lens had to be changed. */
  readonly note: string | null;
}

/** Adjusting the focal length may move the corner to where the polynomial turns back again. */
const ROUNDS = 3;

/**
 * Replaces lenses whose distortion turns back within the picture by the nearest ones that do not, and adjusts the model
 * to them.
 *
 * @param keepPoses leaves all else as it is
 * @param work a folder for the models in between
 * @returns the model as it is when it has no such lens, or when it would fit worse; and the failure of an aborted job
 */
export async function unfoldLenses(
  job: ColmapJob,
  given: ColmapModel,
  keepPoses: boolean,
  work: string,
): Promise<Result<UnfoldedModel, Failure>> {
  let model = unfolded(given);
  if (model === null) return ok({ model: given, note: null });
  const before = observationsOf(withoutOutliers(given, MAX_REPROJECTION_ERROR));
  if (keepPoses) {
    const why = whyWorse(before, observationsOf(withoutOutliers(model, MAX_REPROJECTION_ERROR)));
    return why === null ? ok({ model, note: noteOf("") }) : kept(job, given, why);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const adjusted = await adjustModel(job, model, { keepDistortion: true }, work);
    if (!adjusted.ok && job.context.signal.aborted) return adjusted;
    if (!adjusted.ok) return kept(job, given, adjusted.error.detail);
    const after = observationsOf(adjusted.value);
    const next = unfolded(adjusted.value);
    if (next === null) {
      const why = whyWorse(before, after);
      if (why !== null) return kept(job, given, why);
      const errors = `: ${after.meanError.toFixed(2)} pixels of error in place of ${before.meanError.toFixed(2)}`;
      return ok({ model: adjusted.value, note: noteOf(errors) });
    }
    model = next;
  }
  return kept(job, given, "the focal length does not converge");
}

function noteOf(errors: string): string {
  return `The lens's distortion came out folded towards the pictures' corners, where nothing was matched, so it was fitted again${errors}.`;
}

function kept({ context }: ColmapJob, model: ColmapModel, why: string): Result<UnfoldedModel, Failure> {
  context.log.warn({ why }, "the lens's distortion folds within the picture, and could not be fitted again");
  const note =
    "The lens's distortion came out folded towards the pictures' corners, so the result may be wrong there.";
  return ok({ model, note });
}

/** The model with lenses that do not fold; null if none does. */
function unfolded(model: ColmapModel): ColmapModel | null {
  const used = new Set(model.images.map(({ cameraId }) => cameraId));
  const changed = [...model.cameras.values()].flatMap((camera) => {
    const lens = used.has(camera.id) ? toOpenCv(camera) : null;
    return lens !== null && foldsInPicture(lens) ? [fromOpenCv(camera.id, withoutFold(lens))] : [];
  });
  if (changed.length === 0) return null;
  return { ...model, cameras: new Map([...model.cameras, ...changed.map((one) => [one.id, one] as const)]) };
}
