import type { Candidate } from "./grey-pictures.ts";
import { isRepeat } from "./repeats.ts";
import { sharpest } from "./sharpness.ts";

/** The written candidates that become frames. */
export interface ChosenFrames {
  /** Indices into the candidates, ascending. */
  readonly frames: readonly number[];
  /** Frames left out because they repeat the previous one. */
  readonly repeats: number;
  /** Frames left out because none of their pictures could be decoded. */
  readonly missing: number;
}

/**
 * Takes the sharpest candidate of each window, except for repeats of the previous frame: a still beginning, duplicate
 * pictures and a held last picture add work but no information.
 *
 * @param windows the pictures of each frame, ascending
 * @param candidates the decoded pictures of all windows, in order; fewer when the file is truncated
 */
export function chooseFrames(
  windows: readonly (readonly number[])[],
  candidates: readonly Candidate[],
): ChosenFrames {
  const frames: number[] = [];
  let [repeats, missing, next] = [0, 0, 0];
  let previous: Candidate | null = null;
  for (const window of windows) {
    const indices = window.map((_, i) => next + i).filter((index) => index < candidates.length);
    next += window.length;
    const fresh = indices.flatMap((index) => {
      const candidate = candidates[index];
      const repeated = candidate && previous && isRepeat(previous.blocks, candidate.blocks);
      return candidate && !repeated ? [{ index, candidate }] : [];
    });
    const best = fresh[sharpest(fresh.map(({ candidate }) => candidate.sharpness))];
    if (best) {
      frames.push(best.index);
      previous = best.candidate;
    } else if (indices.length > 0) repeats++;
    else missing++;
  }
  return { frames, repeats, missing };
}
