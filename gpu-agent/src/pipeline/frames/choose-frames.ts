import type { Candidate } from "./grey-pictures.ts";
import { isRepeat } from "./repeats.ts";
import { sharpest } from "./sharpness.ts";

/** Which of the written candidates become frames. */
export interface ChosenFrames {
  /** Indices into the candidates, ascending. */
  readonly frames: readonly number[];
  /** How many frames were left out because they only repeat the one before. */
  readonly repeats: number;
  /** How many frames were left out because none of their pictures could be decoded. */
  readonly missing: number;
}

/**
 * Takes the sharpest candidate of each window, leaving out those that show the same as the frame before: a still
 * beginning, duplicated pictures and a held last picture add work and no information.
 *
 * @param windows the pictures of each frame, ascending
 * @param candidates what was decoded of all windows' pictures, in order; fewer when the file broke off
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
