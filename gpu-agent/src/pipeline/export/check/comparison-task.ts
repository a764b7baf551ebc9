export interface ComparisonTask {
  readonly splatFile: string;
  /** The transforms.json in whose frame the splat is. */
  readonly transformsFile: string;
  /** The folder that the names of its photos are relative to. */
  readonly photosDir: string;
  /** Pixels at which the splat was trained. */
  readonly trainedWidth: number;
  /**
   * Whether the exposure jumps from frame to frame: renderings are then fitted to the brightness and tint of their
   * photo.
   */
  readonly exposureVaries: boolean;
  /** Where the sheet of photos and renderings is written. */
  readonly sheetFile: string;
  /** Where coverage.json is written. */
  readonly coverageFile: string;
}
