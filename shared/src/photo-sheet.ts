/**
 * `views.sheet` in metrics.json describes photos.webp, one picture for the pages: rows with a held-out photo on the
 * left and the splat from the same camera on the right, and the contact sheet of the capture below them. Sizes are in
 * pixels.
 */
export interface PhotoSheet {
  readonly file: string;
  readonly total: { readonly width: number; readonly height: number };
  /** Of each held-out photo and each rendering. */
  readonly width: number;
  readonly height: number;
  /** From top to bottom: the frame, and the PSNR of its rendering in dB. */
  readonly rows: readonly { readonly frame: string; readonly psnr: number }[];
  readonly contact: ContactSheet;
}

/** Frames of the capture in their order, by rows from the left. */
export interface ContactSheet {
  readonly top: number;
  readonly columns: number;
  /** Of each frame. */
  readonly width: number;
  readonly height: number;
  /** `placed` is false for a frame that COLMAP could not place. */
  readonly frames: readonly { readonly frame: string; readonly placed: boolean }[];
}
