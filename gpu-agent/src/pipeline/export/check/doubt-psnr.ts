import type { PhotoSheet } from "@splatt/shared";

/** PSNRs of our own renderings of a splat, in dB, at a size small enough for the CPU. */
export interface ViewComparison {
  /** Mean over held-out frames; null when there are none. */
  readonly heldOut: number | null;
  /** Mean over their neighbouring training frames. */
  readonly training: number;
  /** Of plain pictures in the photos' mean colours. */
  readonly meanColour: number;
  /** The limit that the photos' JPEG compression sets, at the size of training; null for other formats. */
  readonly jpegCeiling: number | null;
  /** Training frames in which something hides what neighbouring frames show, of those examined: none where it is good or blurred. */
  readonly occluded: { readonly frames: number; readonly of: number };
  readonly sheet: PhotoSheet;
  /** The share of the scene's surface that is badly covered, and frames that see the most of it. */
  readonly coverage: { readonly badlyCovered: number; readonly near: readonly string[] };
}

/** Frames differ in difficulty, and a short training fits neither side well. */
const HELD_OUT_MARGIN = 0.5;
/** Our renderings are smaller than the engine's, which costs a few dB at most. */
const ENGINE_MARGIN = 10;

/**
 * Why a PSNR on held-out frames cannot be true, in a sentence; null when it can.
 *
 * @param reported by the engine, in dB
 */
export function doubtPsnr(reported: number | null, views: ViewComparison): string | null {
  const { heldOut, training, jpegCeiling } = views;
  const db = (value: number) => `${value.toFixed(1)} dB`;
  if (reported !== null && jpegCeiling !== null && reported > jpegCeiling) {
    return `It is above ${db(jpegCeiling)}, the most that the compression of the frames allows.`;
  }
  if (heldOut !== null && heldOut > training + HELD_OUT_MARGIN) {
    return `Held-out frames came out better (${db(heldOut)}) than the neighbouring training frames (${db(training)}).`;
  }
  if (reported !== null && heldOut !== null && reported > heldOut + ENGINE_MARGIN) {
    return `The exported splat, rendered from the same cameras, has ${db(heldOut)}.`;
  }
  return null;
}

/** A rendering that beats the mean colour by less than this shows nothing of the photo. */
const LEAST_GAIN = 1;

/** Whether a splat shows anything of the photos. */
export function showsScene({ training, meanColour }: ViewComparison): boolean {
  return training > meanColour + LEAST_GAIN;
}
