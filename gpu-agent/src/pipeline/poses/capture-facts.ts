import type {
  CaptureReport,
  MissingStretch,
  MovingReport,
  ScaleReport,
  UpReport,
  VideoReport,
} from "@splatt/shared";
import type { PictureFault } from "./picture-quality.ts";
import type { ViewSpacing } from "./view-spacing.ts";

/** What is known of a capture once its cameras are solved. */
export interface CaptureFacts {
  readonly frames: number;
  readonly registered: number;
  readonly points: number;
  /** Pixels, mean over all points. */
  readonly meanReprojectionError: number | null;
  /** The frames' longer side in pixels. */
  readonly longSide: number;
  /** The passes of COLMAP. */
  readonly passes: NonNullable<CaptureReport["passes"]>;
  readonly up: UpReport;
  /** Null when unknown. */
  readonly scale: ScaleReport | null;
  /** See `featureCoverage`, 0 to 1. */
  readonly coverage: number;
  /** See `parallaxDegrees`. */
  readonly parallax: number;
  /** See `viewSpacing`. `lonely` are the names that the person who sent them knows. */
  readonly spacing: ViewSpacing;
  /** See `stillShare`; null when unknown. */
  readonly still: number | null;
  /** What moves against the scene; null when nothing was found. */
  readonly moving: MovingReport | null;
  /** See `pictureFault`. */
  readonly pictures: PictureFault | null;
  /** The frames show separate places, of which the largest is kept. */
  readonly places: boolean;
  /** The cameras came with the images, and were checked. */
  readonly given: boolean;
  /** Parts of the videos that were not placed. */
  readonly stretches: readonly MissingStretch[];
  /** Photos that were not placed, by the names that the person who sent them knows; null for a video. */
  readonly missingPhotos: readonly string[] | null;
  /** Each video, where several were sent. */
  readonly videos: readonly VideoReport[];
  /** Notes about the frames themselves. */
  readonly notes: readonly string[];
}
