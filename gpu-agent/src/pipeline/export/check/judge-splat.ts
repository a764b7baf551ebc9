import { Matrix4, type SplatCloud } from "@splatt/formats";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";

/** An engine's export and what is expected of it. */
export interface ExportedSplat {
  /** The usable gaussians. */
  readonly cloud: SplatCloud;
  /** Gaussians in the engine's file. */
  readonly inFile: number;
  /** Gaussians at the end of training, as the engine reported. */
  readonly trained: number;
  /** The transforms.json whose frame the splat should be in. */
  readonly transforms: unknown;
}

/** Above this share of broken values, the rest cannot be trusted either. */
const MAX_BROKEN_SHARE = 0.5;
/** Trainers drop a small share of invisible gaussians when they export. */
const LEAST_EXPORTED_SHARE = 0.5;
const WARN_EXPORTED_SHARE = 0.9;
/** The alpha below which every renderer skips a gaussian, 1/255, as a logit. */
const LEAST_LOGIT = Math.log(1 / 254);
const LEAST_SEEN_SHARE = 0.02;
/** The number of gaussians sampled for the visibility check. */
const SAMPLES = 4000;
/** Half the angle of view for a camera without intrinsics. */
const DEFAULT_HALF_ANGLE = Math.PI / 4;

/**
 * Checks an engine's export: an exit code of 0 and a readable file prove little.
 *
 * @returns warnings, or `training_diverged` or `export_failed` when it is not a splat of this scene
 */
export function judgeSplat({ cloud, inFile, trained, transforms }: ExportedSplat): Result<string[], Failure> {
  const warnings: string[] = [];
  const number = (value: number) => value.toLocaleString("en-US");
  const broken = inFile - cloud.count;
  if (cloud.count === 0) {
    const all =
      inFile === 0 ? "It has no gaussians." : `None of its ${number(inFile)} gaussians has finite values.`;
    return err(failure("training_diverged", all));
  }
  if (broken > MAX_BROKEN_SHARE * inFile) {
    const share = `${number(broken)} of ${number(inFile)} gaussians have values that are not finite.`;
    return err(failure("training_diverged", share));
  }
  if (broken > 0) warnings.push(`${number(broken)} gaussians with values that are not finite were dropped.`);

  const exported = `The training ended with ${number(trained)} gaussians, but only ${number(inFile)} were exported.`;
  if (inFile < LEAST_EXPORTED_SHARE * trained) return err(failure("export_failed", exported));
  if (inFile < WARN_EXPORTED_SHARE * trained) warnings.push(exported);

  const visible = Array.from(cloud.opacities.keys()).filter((i) => (cloud.opacities[i] ?? 0) >= LEAST_LOGIT);
  if (visible.length === 0) {
    const all = `All ${number(cloud.count)} gaussians are transparent.`;
    return err(failure("training_diverged", all));
  }

  const seen = seenShare(cloud, visible, transforms);
  if (seen !== null && seen < LEAST_SEEN_SHARE) {
    const share = `${(100 * seen).toFixed(1)} % of its gaussians are in view of a camera of transforms.json`;
    return err(failure("export_failed", `Only ${share}: the splat is in another frame.`));
  }
  return ok(warnings);
}

const Cameras = z.object({
  w: z.number().positive().optional(),
  h: z.number().positive().optional(),
  fl_x: z.number().positive().optional(),
  frames: z.array(z.object({ transform_matrix: Matrix4 })).min(1),
});

/** The share of gaussians, of a sample, that at least one camera sees; null when there are no cameras. */
function seenShare(cloud: SplatCloud, visible: readonly number[], transforms: unknown): number | null {
  const parsed = Cameras.safeParse(transforms);
  if (!parsed.success) return null;
  const { w, h, fl_x, frames } = parsed.data;
  const halfAngle =
    w !== undefined && h !== undefined && fl_x !== undefined
      ? Math.atan(Math.hypot(w, h) / 2 / fl_x)
      : DEFAULT_HALF_ANGLE;
  const leastCosine = Math.cos(halfAngle);
  const step = Math.max(1, Math.floor(visible.length / SAMPLES));
  let samples = 0;
  let seen = 0;
  for (let k = 0; k < visible.length; k += step) {
    const at = 3 * (visible[k] ?? 0);
    const [x = 0, y = 0, z = 0] = cloud.positions.subarray(at, at + 3);
    samples++;
    const isSeen = frames.some(({ transform_matrix: [r0, r1, r2] }) => {
      const [dx, dy, dz] = [x - r0[3], y - r1[3], z - r2[3]];
      // A camera looks along its −z axis.
      const depth = -(dx * r0[2] + dy * r1[2] + dz * r2[2]);
      return depth > leastCosine * Math.hypot(dx, dy, dz);
    });
    if (isSeen) seen++;
  }
  return seen / samples;
}
