import { emptySplatCloud, restCoefficients, type SplatCloud } from "@splatt/formats/splats";
import { PARAM } from "../kernels/memory-layout.ts";
import { MIN_ALPHA } from "../kernels/projection.ts";
import { clearSlots, logit } from "./gaussians.ts";
import type { Workspace } from "./workspace.ts";

/**
 * The visible gaussians of a parameter table, without those that are not finite or too transparent to be seen.
 *
 * @param params rows of the parameter table
 */
export function toSplatCloud(params: readonly Float32Array[], count: number, shDegree: number): SplatCloud {
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    const finite = params.every((row) => Number.isFinite(row[i]));
    if (finite && ((params[PARAM.opacity] as Float32Array)[i] as number) >= logit(MIN_ALPHA)) kept.push(i);
  }
  const cloud = emptySplatCloud(kept.length, shDegree);
  const take = (target: Float32Array, firstRow: number, perGaussian: number) => {
    for (let j = 0; j < perGaussian; j++) {
      const row = params[firstRow + j] as Float32Array;
      kept.forEach((gaussian, i) => {
        target[i * perGaussian + j] = row[gaussian] as number;
      });
    }
  };
  take(cloud.positions, PARAM.mean, 3);
  take(cloud.logScales, PARAM.logScale, 3);
  take(cloud.rotations, PARAM.rotation, 4);
  take(cloud.opacities, PARAM.opacity, 1);
  take(cloud.dc, PARAM.sh, 3);
  // The table is ordered by coefficient, the file by channel.
  const rest = restCoefficients(shDegree);
  for (let coefficient = 0; coefficient < rest; coefficient++) {
    for (let channel = 0; channel < 3; channel++) {
      const row = params[PARAM.sh + 3 * (1 + coefficient) + channel] as Float32Array;
      kept.forEach((gaussian, i) => {
        cloud.rest[i * 3 * rest + channel * rest + coefficient] = row[gaussian] as number;
      });
    }
  }
  return cloud;
}

/** The inverse: puts a cloud's gaussians into the first slots of a workspace that has room for them. */
export function fromSplatCloud(workspace: Workspace, cloud: SplatCloud): void {
  const { params } = workspace;
  const put = (values: Float32Array, firstRow: number, perGaussian: number) => {
    for (let j = 0; j < perGaussian; j++) {
      const row = params[firstRow + j] as Float32Array;
      for (let i = 0; i < cloud.count; i++) row[i] = values[i * perGaussian + j] as number;
    }
  };
  put(cloud.positions, PARAM.mean, 3);
  put(cloud.logScales, PARAM.logScale, 3);
  put(cloud.rotations, PARAM.rotation, 4);
  put(cloud.opacities, PARAM.opacity, 1);
  put(cloud.dc, PARAM.sh, 3);
  const rest = restCoefficients(cloud.shDegree);
  for (let coefficient = 0; coefficient < rest; coefficient++) {
    for (let channel = 0; channel < 3; channel++) {
      const row = params[PARAM.sh + 3 * (1 + coefficient) + channel] as Float32Array;
      for (let i = 0; i < cloud.count; i++) {
        row[i] = cloud.rest[i * 3 * rest + channel * rest + coefficient] as number;
      }
    }
  }
  clearSlots(workspace, cloud.count);
}
