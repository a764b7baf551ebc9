import { PARAM } from "../kernels/memory-layout.ts";
import type { DensificationSettings } from "../training-settings.ts";
import { clearSlots, logit, NO_OPACITY, sigmoid } from "./gaussians.ts";
import { Random } from "./random.ts";
import type { Workspace } from "./workspace.ts";

/*
 * Densification under a budget. The gaussians to split are drawn with probabilities that grow with the error
 * of the pixels that they cover (after Rota Bulò et al. 2024, "Revising Densification in Gaussian
 * Splatting", and Mallick et al. 2024, "Taming 3DGS"); transparent gaussians are recycled as the new
 * halves, as in Kheradmand et al. 2024.
 */

/** The result of a densification. */
export interface DensificationOutcome {
  /** Gaussians in use now. */
  readonly count: number;
  readonly split: number;
  readonly recycled: number;
}

/**
 * A split places two halves next to each other along the longest axis, so that together they cover about the same
 * area; the numbers are factors of its standard deviations and opacity.
 */
const SPLIT = { offset: 0.5, longAxis: 0.5, otherAxes: 0.85, opacity: 0.6 } as const;

/**
 * Splits gaussians until there are `wanted`, and recycles transparent ones.
 *
 * @param seed decides the draw
 */
export function densify(
  workspace: Workspace,
  count: number,
  wanted: number,
  settings: DensificationSettings,
  seed: number,
): DensificationOutcome {
  const opacities = workspace.params[PARAM.opacity] as Float32Array;
  const least = logit(settings.leastOpacity);
  const free: number[] = [];
  const alive: number[] = [];
  for (let i = 0; i < count; i++) {
    // The comparison also excludes NaN.
    if ((opacities[i] as number) >= least) alive.push(i);
    else free.push(i);
  }
  const recycled = free.length;
  let end = count;
  while (end < Math.min(wanted, workspace.layout.capacity)) free.push(end++);

  const chosen = drawByError(workspace.errorSum, alive, free.length, settings.errorPower, new Random(seed));
  chosen.forEach((gaussian, i) => {
    splitGaussian(workspace, gaussian, free[i] as number);
  });
  for (const slot of free.slice(chosen.length)) opacities[slot] = NO_OPACITY;
  clearSlots(workspace, end);
  workspace.errorSum.fill(0);
  return { count: end, split: chosen.length, recycled };
}

/**
 * Draws up to `wanted` of the candidates without replacement, with weights error^power: those with the
 * greatest u^(1/weight), u uniform (Efraimidis & Spirakis 2006).
 */
export function drawByError(
  errors: Float32Array,
  candidates: readonly number[],
  wanted: number,
  power: number,
  random: Random,
): number[] {
  const drawn = candidates.map((gaussian) => {
    const weight = (errors[gaussian] as number) ** power;
    return { gaussian, key: Math.log(1 - random.next()) / weight };
  });
  return drawn
    .filter(({ key }) => Number.isFinite(key))
    .sort((a, b) => b.key - a.key || a.gaussian - b.gaussian)
    .slice(0, wanted)
    .map(({ gaussian }) => gaussian);
}

/** Divides gaussian `from` in two; the other half goes to slot `to`. Both lose their moments. */
export function splitGaussian(workspace: Workspace, from: number, to: number): void {
  const { params, moments1, moments2 } = workspace;
  const row = (index: number) => params[index] as Float32Array;
  for (const values of params) values[to] = values[from] as number;
  for (const values of [...moments1, ...moments2]) {
    values[from] = 0;
    values[to] = 0;
  }
  const logScales = [0, 1, 2].map((axis) => row(PARAM.logScale + axis)[from] as number);
  const longest = logScales.indexOf(Math.max(...logScales));
  const direction = rotatedAxis(
    [0, 1, 2, 3].map((part) => row(PARAM.rotation + part)[from] as number),
    longest,
  );
  const offset = SPLIT.offset * Math.exp(logScales[longest] as number);
  const opacity = logit(SPLIT.opacity * sigmoid(row(PARAM.opacity)[from] as number));
  for (const [slot, side] of [
    [from, -1],
    [to, 1],
  ] as const) {
    for (let axis = 0; axis < 3; axis++) {
      const mean = row(PARAM.mean + axis);
      mean[slot] = (mean[slot] as number) + side * offset * (direction[axis] as number);
      const factor = axis === longest ? SPLIT.longAxis : SPLIT.otherAxes;
      row(PARAM.logScale + axis)[slot] = (logScales[axis] as number) + Math.log(factor);
    }
    row(PARAM.opacity)[slot] = opacity;
  }
}

/** Column `axis` of the rotation matrix of a quaternion w, x, y, z of any length. */
function rotatedAxis(quaternion: readonly number[], axis: number): readonly [number, number, number] {
  const length = Math.hypot(...quaternion) || 1;
  const [w, x, y, z] = quaternion.map((part) => part / length) as [number, number, number, number];
  if (axis === 0) return [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)];
  if (axis === 1) return [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)];
  return [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)];
}
