/** How a fly-through is made, so that it costs no more than it may. */
export interface FilmPlan {
  readonly width: number;
  readonly height: number;
  /** Of the film. A path that is flown back has rendered half of them. */
  readonly frames: number;
}

export const FRAMES_PER_SECOND = 24;
/** From the best down: the longer side in pixels, and seconds. */
const QUALITIES = [
  { side: 1280, seconds: 10 },
  { side: 1280, seconds: 7 },
  { side: 960, seconds: 7 },
  { side: 720, seconds: 6 },
  { side: 480, seconds: 5 },
] as const;
/** Of the encoder on one core, and of decoding what it wrote. */
const ENCODED_PIXELS_PER_SECOND = 15e6;

/** What rendering costs on this machine, measured. */
export interface RenderingCost {
  /** Seconds to load the splat. */
  readonly load: number;
  /** Seconds of one picture: what it takes at any size, and for each pixel. */
  readonly picture: number;
  readonly pixel: number;
}

export interface FilmLimits {
  /** The longer side of the photos, in pixels: a larger film would show no more. */
  readonly photoSide: number;
  /** Seconds that the film may cost. */
  readonly budget: number;
  readonly threads: number;
  /** How many programs share each core, at least 1: they slow the encoder, which is not measured. */
  readonly crowding: number;
  /** Whether the path is flown back, with the same pictures. */
  readonly flownBack: boolean;
}

/** The pictures that are rendered for a film. */
export function renderedOf({ frames }: Pick<FilmPlan, "frames">, flownBack: boolean): number {
  return flownBack ? frames / 2 : frames;
}

/**
 * The best film within the limits.
 *
 * @param aspect width by height
 * @returns or the seconds that the least one would cost
 */
export function planFilm(aspect: number, cost: RenderingCost, limits: FilmLimits): FilmPlan | number {
  const plans = QUALITIES.map(({ side, seconds }) => ({
    ...sizeOf(aspect, Math.min(side, limits.photoSide)),
    frames: seconds * FRAMES_PER_SECOND,
  }));
  const affordable = plans.find((plan) => secondsOf(plan, cost, limits) <= limits.budget);
  const least = plans.at(-1);
  return affordable ?? (least === undefined ? 0 : secondsOf(least, cost, limits));
}

function secondsOf(
  plan: FilmPlan,
  { load, picture, pixel }: RenderingCost,
  { threads, crowding, flownBack }: FilmLimits,
): number {
  const pixels = plan.width * plan.height;
  const rendered = renderedOf(plan, flownBack);
  // The splat is loaded once to measure, and once by all threads at the same time.
  return (
    2 * load +
    Math.ceil(rendered / threads) * (picture + pixel * pixels) +
    (crowding * plan.frames * pixels) / ENCODED_PIXELS_PER_SECOND
  );
}

/** The sizes of H.264 in yuv420p are even. */
export function sizeOf(aspect: number, side: number): { readonly width: number; readonly height: number } {
  const even = (value: number) => 2 * Math.max(8, Math.round(value / 2));
  return { width: even(side * Math.min(1, aspect)), height: even(side / Math.max(1, aspect)) };
}
