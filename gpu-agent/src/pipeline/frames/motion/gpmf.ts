import type { Reading } from "./reading.ts";

/*
 * GPMF, the metadata of GoPro cameras (github.com/gopro/gpmf-parser): keys of four letters, a type, the size of a value
 * and their number. Values of type 0 are nested. A device holds streams; in a stream, what describes its data comes
 * before them: SCAL is their divisor, ORIN names the axes of the three numbers, a small letter for a reversed one.
 */

interface Entry {
  readonly key: string;
  /** An ASCII character, or "\0" for nested entries. */
  readonly type: string;
  readonly size: number;
  readonly count: number;
  readonly value: Buffer;
}

const MAX_DEPTH = 4;
const MAX_ENTRIES = 10_000;

/**
 * Of the camera: X to the left, Y to the back, Z up. The readings of cameras that do not tell their axes have this
 * order.
 */
const DEFAULT_AXES = "ZXY";

/** The accelerometer's readings in one sample of the track, in order. */
export function accelerationsInGpmf(payload: Buffer): Reading[] {
  return streamsIn(payload, 0).flatMap((stream) => {
    const data = stream.find(({ key }) => key === "ACCL");
    if (data === undefined || data.type !== "s" || data.size !== 6) return [];
    const scale = scaleOf(stream.find(({ key }) => key === "SCAL"));
    const named = stream
      .find(({ key }) => key === "ORIN")
      ?.value.toString("latin1")
      .slice(0, 3);
    const order = axesOf(named ?? DEFAULT_AXES);
    if (scale === null || order === null) return [];
    return Array.from({ length: data.count }, (_, i): Reading => {
      const [x = 0, y = 0, z = 0] = order.map(
        ({ index, sign }) => (sign * data.value.readInt16BE(6 * i + 2 * index)) / scale,
      );
      return { isKnown: named !== undefined, acceleration: [-x, z, y] };
    });
  });
}

/** The streams of all devices. */
function streamsIn(bytes: Buffer, depth: number): Entry[][] {
  const entries = entriesIn(bytes);
  if (depth > MAX_DEPTH) return [];
  return entries.flatMap(({ key, type, value }) => {
    if (type !== "\0") return [];
    return key === "STRM" ? [entriesIn(value)] : streamsIn(value, depth + 1);
  });
}

/** Up to the first that is damaged. */
function entriesIn(bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + 8 <= bytes.length && entries.length < MAX_ENTRIES; ) {
    const [size, count] = [bytes.readUInt8(at + 5), bytes.readUInt16BE(at + 6)];
    const length = size * count;
    if (at + 8 + length > bytes.length) break;
    entries.push({
      key: bytes.toString("latin1", at, at + 4),
      type: bytes.toString("latin1", at + 4, at + 5),
      ...{ size, count },
      value: bytes.subarray(at + 8, at + 8 + length),
    });
    // Values are padded to 32 bits.
    at += 8 + 4 * Math.ceil(length / 4);
  }
  return entries;
}

function scaleOf(entry: Entry | undefined): number | null {
  if (entry === undefined || entry.count === 0) return null;
  const { type, value } = entry;
  const scale =
    type === "s" && value.length >= 2
      ? value.readInt16BE(0)
      : type === "l" && value.length >= 4
        ? value.readInt32BE(0)
        : type === "f" && value.length >= 4
          ? value.readFloatBE(0)
          : 0;
  return scale > 0 ? scale : null;
}

/** Where the numbers of X, Y and Z are. @returns null unless each is named once */
function axesOf(order: string): { index: number; sign: number }[] | null {
  const axes = [..."XYZ"].map((axis) => {
    const index = order.toUpperCase().indexOf(axis);
    return { index, sign: order[index] === axis ? 1 : -1 };
  });
  return axes.every(({ index }) => index >= 0) ? axes : null;
}
