import type { DecodeLog } from "./decode-log.ts";
import type { Turn } from "./geometry.ts";
import { nearestQuarter, type Orientation, sameOrientation } from "./orientation.ts";
import { inputOptions } from "./probe.ts";

/** The numbers of the units that hold key pictures and messages (SEI), of each codec that has such messages. */
const UNITS: Readonly<Record<string, string>> = { h264: "5|6", hevc: "16-23|39" };
/** Pictures that could not be decoded may lie between two that could. */
const MAX_LOST_KEYS = 16;

const PACKET = /\[info\] Packet: \d+ bytes, key frame, pts (\S+?),/;
const FIELD =
  /\[info\] \d+ +(display_orientation_cancel_flag|hor_flip|ver_flip|anticlockwise_rotation) +[01]+ = (\d+)/;
/** `anticlockwise_rotation` of a full turn. */
const FULL_TURN = 2 ** 16;

/**
 * Prints the messages of a stream's key pictures, without decoding any.
 *
 * @returns null for a codec without messages
 */
export function messageArguments(url: string, stream: number, codec: string | null): string[] | null {
  const units = UNITS[codec ?? ""];
  if (units === undefined) return null;
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+info", ...inputOptions()],
    ...["-copyts", "-i", url, "-map", `0:${stream}`, "-c", "copy"],
    ...["-bsf:v", `filter_units=pass_types=${units},trace_headers`, "-f", "null", "-"],
  ];
}

/**
 * The orientation that key pictures of H.264 and H.265 declare in messages ("display orientation"). Our own reading of
 * them, because the decoders attach them to a later picture, or to none.
 */
export class MessageOrientations {
  readonly #keys: { stamp: number; orientation: Orientation | null }[] = [];
  #fields = new Map<string, number>();

  /** Parses ffmpeg's output for `messageArguments`, line by line. */
  add(line: string): void {
    const stamp = PACKET.exec(line)?.[1];
    if (stamp !== undefined) {
      this.#keys.push({ stamp: Number(stamp), orientation: null });
      this.#fields = new Map();
    }
    const [, name, value] = FIELD.exec(line) ?? [];
    const key = this.#keys.at(-1);
    if (name === undefined || key === undefined) return;
    this.#fields.set(name, Number(value));
    if (name === "anticlockwise_rotation") key.orientation = orientationOf(this.#fields);
  }

  /** @param other the orientation of pictures without a message */
  turns({ keys, stamps }: Pick<DecodeLog, "keys" | "stamps">, other: Orientation): Turn[] {
    const turns: Turn[] = [{ from: 0, orientation: other }];
    let next = 0;
    for (const from of keys) {
      const nearby = this.#keys.slice(next, next + MAX_LOST_KEYS);
      const found = nearby.findIndex(({ stamp }) => stamp === stamps[from]);
      const key = nearby[found];
      // A picture that decoding may begin with, but that does not begin a new sequence: the message still holds.
      if (!key) continue;
      next += found + 1;
      const orientation = key.orientation ?? other;
      const last = turns.at(-1);
      if (last && sameOrientation(last.orientation, orientation)) continue;
      if (last?.from === from) turns.pop();
      turns.push({ from, orientation });
    }
    return turns;
  }
}

/** The picture is mirrored first, and then turned (ISO 14496-10, D.2.27). */
function orientationOf(fields: ReadonlyMap<string, number>): Orientation {
  const [horizontal, vertical] = [fields.get("hor_flip") === 1, fields.get("ver_flip") === 1];
  const clockwise = (-360 * (fields.get("anticlockwise_rotation") ?? 0)) / FULL_TURN;
  return {
    mirrored: horizontal !== vertical,
    clockwiseDegrees: nearestQuarter(clockwise + (vertical ? 180 : 0)),
  };
}
