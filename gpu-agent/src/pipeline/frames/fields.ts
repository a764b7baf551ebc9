import type { DecodeLog } from "./decode-log.ts";
import type { ShapeRun } from "./geometry.ts";

/**
 * How the pictures hold the fields of interlaced video: its even and its odd lines, filmed at different times.
 *
 * - `flagged`: both fields in a picture, which its flag says
 * - `top_first`, `bottom_first`: both in a picture, as its content shows: no flag says so
 * - `separate`: one field in each picture, which has half the height
 */
export type Fields = "none" | "flagged" | "top_first" | "bottom_first" | "separate";

/** A smaller share of interlaced pictures is a mistake of their encoder or of our detector. */
const MIN_SHARE = 0.02;
/** Detailed progressive pictures look interlaced to the detector now and then, and with either field first. */
const MIN_DOMINANCE = 4;
/** The codecs that have no interlaced pictures, so that encoders give them the fields. */
const CODECS_OF_FIELDS = ["hevc", "vvc"];

/** @param assumed by the pass that `log` reports: the detector ran only where that is `none` */
export function fieldsOf(
  { interlaced, alternations, looks, stamps }: DecodeLog,
  codec: string | null,
  assumed: Fields,
): Fields {
  if (assumed === "top_first" || assumed === "bottom_first") return assumed;
  const pictures = stamps.length;
  if (CODECS_OF_FIELDS.includes(codec ?? "") && 2 * alternations > pictures) return "separate";
  const combed = Math.max(looks.topFirst, looks.bottomFirst);
  const others = looks.topFirst + looks.bottomFirst + looks.progressive - combed;
  if (combed >= MIN_DOMINANCE * others && 2 * combed > pictures && combed > 2 * interlaced) {
    return combed === looks.topFirst ? "top_first" : "bottom_first";
  }
  return interlaced > MIN_SHARE * pictures ? "flagged" : "none";
}

/** The filters that make progressive pictures of both fields. */
export function fieldFilters(fields: Fields): string[] {
  if (fields === "flagged") return ["yadif=mode=send_frame:deint=interlaced"];
  if (fields === "top_first") return ["yadif=mode=send_frame:parity=tff"];
  return fields === "bottom_first" ? ["yadif=mode=send_frame:parity=bff"] : [];
}

/** The pixels of separate fields are twice as high as those of the whole picture, whose shape the stream declares. */
export function shapesOf(runs: readonly ShapeRun[], fields: Fields): readonly ShapeRun[] {
  if (fields !== "separate") return runs;
  return runs.map((run) => ({ ...run, shape: { ...run.shape, pixelAspect: run.shape.pixelAspect / 2 } }));
}
