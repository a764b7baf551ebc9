/** Seconds. A longer step between two pictures of a transport stream is a jump of its clock, not a pause. */
const MAX_STEP_SECONDS = 10;

export interface Clock {
  /** Seconds per unit of the time stamps. */
  readonly unit: number;
  /** Whether the container's clock may jump or restart within the file, as MPEG-TS allows. */
  readonly jumps: boolean;
}

/** A gap this many times the usual interval is a pause: the pictures of the next clip do not come at its pace. */
const PAUSE = 5;

/**
 * When each picture is shown, in seconds after the first one.
 *
 * Players present pictures in the decoder's order. Pictures without a time stamp, or with the one of the picture
 * before, are spread evenly up to the next stamp. Where stamps run backwards (concatenated clips) or jump (transport
 * streams), the next picture follows at the pace of those before.
 *
 * @param stamps in the order of presentation; null where the file has none
 */
export function timeline(stamps: readonly (number | null)[], clock: Clock): Float64Array {
  const usual = usualInterval(stamps, clock);
  const longest = clock.jumps ? Math.max(MAX_STEP_SECONDS, 5 * usual) : Number.POSITIVE_INFINITY;
  const times = new Float64Array(stamps.length);
  let pace = usual;
  for (let from = 0; from < stamps.length - 1; ) {
    const to = nextStamp(stamps, from);
    const step = (stepBetween(stamps[from], stamps[to]) * clock.unit) / (to - from);
    const continuous = step > 0 && step <= longest;
    if (continuous) pace = step <= PAUSE * usual ? step : usual;
    const start = times[from] ?? 0;
    for (let i = from + 1; i <= to; i++) times[i] = start + (i - from) * (continuous ? step : pace);
    from = to;
  }
  return times;
}

/** @returns the next picture with a different stamp, or the last picture */
function nextStamp(stamps: readonly (number | null)[], from: number): number {
  let next = from + 1;
  while (next < stamps.length - 1 && (stamps[next] === null || stamps[next] === stamps[from])) next++;
  return next;
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
