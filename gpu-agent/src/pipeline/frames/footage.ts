import type { DecodeLog } from "./decode-log.ts";
import type { Footage } from "./frame-plan.ts";
import type { PacketIndex } from "./packet-index.ts";
import type { ProbedFile, ProbedVideo } from "./probe.ts";
import { type Clock, median, timeline } from "./timeline.ts";

/** Ticks after which the clock of a transport stream starts again at 0. */
const TRANSPORT_CLOCK_TICKS = 2 ** 33;

export type Times = Pick<Footage, "times" | "end">;

/** The presentation times of the pictures, from the packets alone. */
export function promisedTimes(file: ProbedFile, film: ProbedVideo, index: PacketIndex): Times {
  const clock = clockOf(file, film.timeUnit);
  const first = firstTime(file, clock, index.stamps[0] ?? null);
  const times = timeline(index.stamps, clock).map((time) => first + time);
  const last = index.lastDuration === null ? usualStep(times) : index.lastDuration * clock.unit;
  return { times, end: (times.at(-1) ?? first) + last };
}

/**
 * The presentation times of the decoded pictures.
 *
 * @param promised the result of `promisedTimes`
 * @param stopped whether decoding stopped on purpose before the file's end
 */
export function decodedTimes(
  file: ProbedFile,
  index: PacketIndex,
  promised: Times,
  log: DecodeLog,
  stopped: boolean,
): Times {
  const clock = clockOf(file, log.unit);
  // Decoding times belong to earlier pictures: they are late by the decoder's delay.
  const first = index.decodingTimesOnly
    ? (promised.times[0] ?? 0)
    : firstTime(file, clock, log.stamps[0] ?? null);
  const times = timeline(log.stamps, clock).map((time) => first + time);
  // Some decoders give each picture the stamp of the packet that came when it was shown, and only the first one its
  // own: MPEG-1 in AVI, H.264 in MXF. Every packet gave one picture, so the stamps are those of the pictures, in order.
  const complete = !stopped && index.inFileOrder && times.length === promised.times.length;
  if (complete && startsWithGap(times) && !startsWithGap(promised.times)) return promised;
  const next = stopped ? promised.times[times.length] : undefined;
  if (next !== undefined) return { times, end: next };
  const lastShown = promised.end - (promised.times.at(-1) ?? 0);
  return { times, end: (times.at(-1) ?? first) + (lastShown > 0 ? lastShown : usualStep(times)) };
}

function clockOf(file: ProbedFile, unit: number): Clock {
  return { unit, jumps: file.container.includes("mpegts") };
}

/** The time of the first picture after the file's start: sound may come first. */
function firstTime(file: ProbedFile, clock: Clock, stamp: number | null): number {
  if (stamp === null) return 0;
  const time = stamp * clock.unit - file.startTime;
  if (!clock.jumps) return Math.max(0, time);
  // The clock may have wrapped between the stamp and the file's start.
  const period = TRANSPORT_CLOCK_TICKS * clock.unit;
  return Math.max(0, time - period * Math.round(time / period));
}

function startsWithGap(times: Float64Array): boolean {
  return (times[1] ?? 0) - (times[0] ?? 0) > 1.5 * usualStep(times);
}

/** The median time between two pictures. */
export function usualStep(times: Float64Array): number {
  return median(times.slice(1).map((time, i) => time - (times[i] ?? 0))) ?? 1 / 25;
}
