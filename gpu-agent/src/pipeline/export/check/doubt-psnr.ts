/** A picture with held-out photos on the left and the splat from the same cameras on the right, one row each. */
export interface HeldOutSheet {
  readonly file: string;
  /** Of each photo and each rendering, in pixels. */
  readonly width: number;
  readonly height: number;
  /** From top to bottom: the frame, and the PSNR of its rendering in dB. */
  readonly rows: readonly { readonly frame: string; readonly psnr: number }[];
}

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
  /** Null when no frames are held out. */
  readonly sheet: HeldOutSheet | null;
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
