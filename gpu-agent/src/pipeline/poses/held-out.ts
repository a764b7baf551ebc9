import type { PosedFrame, Transforms } from "@splatt/formats";

/*
 * Held-out frames measure the quality of the result. A held-out frame whose near-duplicate is trained on measures
 * nothing: the trainer has seen its picture.
 */

/** One frame in 8 is held out, as is usual (Mip-NeRF 360). */
const HELD_OUT_EVERY = 8;
/** The index among the 8: even the smallest set has neighbours on both sides. */
const HELD_OUT_FIRST = 4;

/** Cameras nearer than this show the same picture. The farthest camera is at distance 1 from the centre. */
const SAME_POSITION = 0.004;
const SAME_DIRECTION_DEGREES = 0.4;
/** Cameras nearer than this may show the same picture: COLMAP places identical pictures slightly apart. */
const NEAR_POSITION = 0.05;
const NEAR_DIRECTION_DEGREES = 5;
/** Pictures that differ by less than this are the same except for noise and compression. RMS, 0–255. */
const SAME_PICTURE = 1.5;

type Split = Pick<Transforms, "train_filenames" | "val_filenames" | "test_filenames">;

/**
 * Splits frames into training and held-out frames, keeping near-duplicates on the same side.
 *
 * @param frames in the order of the video
 * @param pictures a small grey picture of each frame, all of one size; without them only cameras are compared
 */
export function splitFrames(frames: readonly PosedFrame[], pictures?: readonly Uint8Array[]): Split {
  const groups = groupDuplicates(frames.length, (a, b) => areDuplicates(frames, pictures, a, b));
  const heldOut = new Set(chooseGroups(groups).flat());
  const files = frames.map(({ file_path }) => file_path);
  const held = files.filter((_, index) => heldOut.has(index));
  return {
    train_filenames: files.filter((_, index) => !heldOut.has(index)),
    val_filenames: held,
    test_filenames: held,
  };
}

function areDuplicates(
  frames: readonly PosedFrame[],
  pictures: readonly Uint8Array[] | undefined,
  a: number,
  b: number,
): boolean {
  const [first, second] = [frames[a], frames[b]];
  if (first === undefined || second === undefined) return false;
  const { distance, degrees } = between(first, second);
  if (distance > NEAR_POSITION || degrees > NEAR_DIRECTION_DEGREES) return false;
  if (distance <= SAME_POSITION && degrees <= SAME_DIRECTION_DEGREES) return true;
  const [one, other] = [pictures?.[a], pictures?.[b]];
  return one !== undefined && other !== undefined && difference(one, other) < SAME_PICTURE;
}

/** The distance between two cameras and the angle between their orientations. */
function between(a: PosedFrame, b: PosedFrame): { distance: number; degrees: number } {
  let squares = 0;
  let trace = 0;
  for (const row of [0, 1, 2] as const) {
    const [one, other] = [a.transform_matrix[row], b.transform_matrix[row]];
    squares += (one[3] - other[3]) ** 2;
    for (const column of [0, 1, 2] as const) trace += one[column] * other[column];
  }
  const cosine = Math.min(1, Math.max(-1, (trace - 1) / 2));
  return { distance: Math.sqrt(squares), degrees: (Math.acos(cosine) * 180) / Math.PI };
}

function difference(a: Uint8Array, b: Uint8Array): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return Math.sqrt(squares / Math.max(1, a.length));
}

/** Groups of indices connected by duplicates, each ascending, ordered by their first index. */
function groupDuplicates(count: number, isPair: (a: number, b: number) => boolean): number[][] {
  const groupOf = Array.from({ length: count }, (_, i) => i);
  for (let b = 1; b < count; b++) {
    for (let a = 0; a < b; a++) {
      const [from, to] = [groupOf[b] ?? b, groupOf[a] ?? a];
      if (from === to || !isPair(a, b)) continue;
      const [low, high] = from < to ? [from, to] : [to, from];
      groupOf.forEach((group, i) => {
        if (group === high) groupOf[i] = low;
      });
    }
  }
  const groups = new Map<number, number[]>();
  groupOf.forEach((group, i) => {
    groups.set(group, [...(groups.get(group) ?? []), i]);
  });
  return [...groups.values()];
}

/** One group of every 8: the smallest, to keep still stretches in training; of equals, the middle one. */
function chooseGroups(groups: readonly number[][]): number[][] {
  const chosen: number[][] = [];
  for (let first = 0; first + HELD_OUT_FIRST < groups.length; first += HELD_OUT_EVERY) {
    const window = groups.slice(first, first + HELD_OUT_EVERY);
    const rank = (group: number[], at: number) =>
      group.length * HELD_OUT_EVERY + Math.abs(at - HELD_OUT_FIRST);
    const ranks = window.map(rank);
    const best = window[ranks.indexOf(Math.min(...ranks))];
    if (best !== undefined) chosen.push(best);
  }
  return chosen;
}
