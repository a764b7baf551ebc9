import { box, uint32 } from "../../testing/make-box.ts";

/** MP4 files with a metadata track, made as the specifications say: ISO 14496-12, GPMF and CAMM. */

interface Tables {
  readonly sizes: readonly number[];
  /** Of the chunks, which have equal numbers of samples. */
  readonly offsets: readonly number[];
  readonly timescale: number;
  /** What the table of sizes says that it has. */
  readonly count?: number;
}

/** The movie's boxes alone. Each sample lasts one unit of the time scale. */
export function metadataTrack(type: string, { sizes, offsets, timescale, count }: Tables): Buffer {
  const perChunk = Math.ceil(sizes.length / Math.max(1, offsets.length));
  const table = box(
    "stbl",
    box("stsd", uint32(0, 1), box(type, Buffer.alloc(8))),
    box("stts", uint32(0, 1, sizes.length, 1)),
    box("stsc", uint32(0, 1, 1, perChunk, 1)),
    box("stsz", uint32(0, 0, count ?? sizes.length, ...sizes)),
    box("stco", uint32(0, offsets.length, ...offsets)),
  );
  const media = box("mdia", box("mdhd", uint32(0, 0, 0, timescale, sizes.length, 0)), box("minf", table));
  return box("moov", box("trak", media));
}

/** @param rate samples per second */
export function movie(type: string, samples: readonly Buffer[], rate: number): Buffer {
  const sizes = samples.map(({ length }) => length);
  // Two chunks, with something else between them.
  const half = Math.ceil(samples.length / 2);
  const [first, second] = [Buffer.concat(samples.slice(0, half)), Buffer.concat(samples.slice(half))];
  const gap = Buffer.alloc(100, 0xaa);
  const offsets = samples.length > half ? [8, 8 + first.length + gap.length] : [8];
  return Buffer.concat([
    box("mdat", first, gap, second),
    metadataTrack(type, { sizes, offsets, timescale: rate }),
  ]);
}

/** A key with values of `size` bytes each, padded to 32 bits. */
export function klv(key: string, type: string, size: number, value: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from(key + type, "latin1"), Buffer.from([size, 0, 0])]);
  head.writeUInt16BE(Math.floor(value.length / size), 6);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

interface Accelerometer {
  /** The names of the axes; null to leave them out. */
  readonly orientation: string | null;
  readonly readings: readonly (readonly number[])[];
  readonly scale: number;
}

/** One payload of a GoPro: a gyroscope, which is of no interest here, and an accelerometer. */
export function gpmfPayload({ orientation, readings, scale }: Accelerometer): Buffer {
  const divisor = Buffer.alloc(2);
  divisor.writeInt16BE(scale);
  const values = Buffer.alloc(6 * readings.length);
  for (const [i, reading] of readings.entries())
    for (const [axis, value] of reading.entries())
      values.writeInt16BE(Math.round(value * scale), 6 * i + 2 * axis);
  const gyroscope = klv("STRM", "\0", 1, klv("GYRO", "s", 6, Buffer.alloc(60, 0x11)));
  const accelerometer = klv(
    "STRM",
    "\0",
    1,
    Buffer.concat([
      klv("STNM", "c", 1, Buffer.from("Accelerometer")),
      ...(orientation === null ? [] : [klv("ORIN", "c", 3, Buffer.from(orientation))]),
      klv("SCAL", "s", 2, divisor),
      klv("ACCL", "s", 6, values),
    ]),
  );
  const name = klv("DVNM", "c", 1, Buffer.from("Camera"));
  return klv("DEVC", "\0", 1, Buffer.concat([name, gyroscope, accelerometer]));
}

/** @param type 2 for the gyroscope, 3 for the accelerometer */
export function cammPacket(type: number, values: readonly [number, number, number]): Buffer {
  const packet = Buffer.alloc(16);
  packet.writeUInt16LE(type, 2);
  for (const [i, value] of values.entries()) packet.writeFloatLE(value, 4 + 4 * i);
  return packet;
}
