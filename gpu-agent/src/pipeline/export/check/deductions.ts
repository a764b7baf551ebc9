/** dB on held-out views, after the deductions, from which on a splat is good between its views. */
export const GOOD = 23;
/**
 * dB of plain pictures in the photos' mean colours, of photos with an ordinary contrast. The less contrast photos have,
 * the higher is the PSNR of any rendering, also of a wrong one.
 */
const ORDINARY = 14;
/** dB by which training views may be better than held-out ones; each dB more counts against a splat. */
const LARGE_GAP = 5;

interface ComparedPsnr {
  readonly heldOut: number | null;
  readonly training: number;
  readonly meanColour: number;
}

interface Deductions {
  /** By how much training views are better than held-out ones. */
  readonly gap: number;
  /** Of that, what counts against the splat. */
  readonly excess: number;
  readonly contrastLack: number;
}

/** What the PSNR of held-out views hides, in dB. */
export function deductions(views: ComparedPsnr | null): Deductions {
  const gap = views === null || views.heldOut === null ? 0 : views.training - views.heldOut;
  return {
    gap,
    excess: Math.max(0, gap - LARGE_GAP),
    contrastLack: Math.max(0, (views?.meanColour ?? 0) - ORDINARY),
  };
}
