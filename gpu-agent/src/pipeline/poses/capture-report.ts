import type { CaptureReport } from "@splatt/shared";

/** Fewer placed images than this, or than this share of all, are not worth any training. */
export const MIN_REGISTERED = 8;
export const MIN_REGISTERED_SHARE = 0.3;
/** From this share on a capture counts as good; below it a second attempt is made. */
export const GOOD_SHARE = 0.8;
/** A mean reprojection error above both is large: 2 pixels at 1600. SIFT itself is good for half a pixel. */
const LARGE_ERROR = { pixels: 1.5, shareOfLongSide: 0.00125 };

export interface CaptureFacts {
  readonly frames: number;
  readonly registered: number;
  readonly points: number;
  /** Pixels, mean over all points. */
  readonly meanReprojectionError: number | null;
  /** The frames' longer side in pixels. */
  readonly longSide: number;
  /** More than one attempt was needed. */
  readonly secondAttempt: boolean;
}

/** What the pose solver made of the capture, and what the person who filmed it can do better. */
export function captureReport(facts: CaptureFacts): CaptureReport {
  const { frames, registered, points, meanReprojectionError, longSide } = facts;
  const share = frames > 0 ? registered / frames : 0;
  const unusable = registered < MIN_REGISTERED || share < MIN_REGISTERED_SHARE;
  const largeError = Math.max(LARGE_ERROR.pixels, LARGE_ERROR.shareOfLongSide * longSide);
  const blurred = meanReprojectionError !== null && meanReprojectionError > largeError;
  const sparse = points < 20 * registered;
  const weak = share < GOOD_SHARE || blurred || sparse;
  const counted = `${registered} of ${frames} frames could be placed`;
  const advice = unusable
    ? `Only ${counted}. Film slowly with much overlap between views, keep the subject still and well lit, and raise fps.`
    : [
        share < GOOD_SHARE
          ? `Only ${counted}: parts of the video are missing from the result. Move more slowly, avoid quick turns, or raise fps.`
          : `${counted}.`,
        blurred ? "The views agree poorly, perhaps from motion blur or a moving subject." : "",
        sparse ? "Few points were found: more texture and better light would help." : "",
        facts.secondAttempt ? "A second, more thorough attempt was needed." : "",
        weak ? "" : "The capture is good.",
      ]
        .filter((sentence) => sentence !== "")
        .join(" ");
  return {
    frames,
    registered,
    points,
    mean_reprojection_error: meanReprojectionError,
    verdict: unusable ? "unusable" : weak ? "weak" : "good",
    advice,
  };
}
