/** Seconds. A longer step between two pictures of a transport stream is a jump of its clock, not a pause. */
const MAX_STEP_SECONDS = 10;

export interface Clock {
  /** Seconds per unit of the time stamps. */
  readonly unit: number;
  /** Whether the container's clock may jump or restart within the file, as MPEG-TS allows. */
  readonly jumps: boolean;
}

/**
 * When each picture is shown, in seconds after the first one.
 *
 * Players present pictures in the decoder's order. Where time stamps are missing, run backwards (concatenated clips) or
 * jump (transport streams), the next picture follows at the usual interval.
 *
 * @param stamps in the order of presentation; null where the file has none
 */
export function timeline(stamps: readonly (number | null)[], clock: Clock): Float64Array {
  const interval = usualInterval(stamps, clock);
  const longest = clock.jumps ? Math.max(MAX_STEP_SECONDS, 5 * interval) : Number.POSITIVE_INFINITY;
  const times = new Float64Array(stamps.length);
  for (let i = 1; i < stamps.length; i++) {
    const step = stepBetween(stamps[i - 1], stamps[i]) * clock.unit;
    times[i] = (times[i - 1] ?? 0) + (step > 0 && step <= longest ? step : interval);
  }
  return times;
}

/** The median step between two pictures; 1/25 s without usable stamps. */
function usualInterval(stamps: readonly (number | null)[], clock: Clock): number {
  const steps = Float64Array.from(
    stamps.slice(1).map((stamp, i) => stepBetween(stamps[i], stamp) * clock.unit),
  ).filter((step) => step > 0);
  return median(steps) ?? 1 / 25;
}

function stepBetween(previous: number | null | undefined, next: number | null | undefined): number {
  return previous == null || next == null ? Number.NaN : next - previous;
}

/** @param values are sorted in place */
export function median(values: Float64Array): number | null {
  return values.sort()[values.length >> 1] ?? null;
}
