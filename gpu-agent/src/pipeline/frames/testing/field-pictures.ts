/** Streams of field pictures, which no encoder at hand writes. */

const MACROBLOCK = 16;
/** Pictures between two from which decoding may begin. */
const GROUP = 25;

class BitWriter {
  readonly bytes: number[] = [];
  #free = 8;

  bits(value: number, count: number): this {
    for (let i = count - 1; i >= 0; i--) {
      if (this.#free === 8) this.bytes.push(0);
      this.#free--;
      this.bytes[this.bytes.length - 1] = (this.bytes.at(-1) ?? 0) | (((value >> i) & 1) << this.#free);
      if (this.#free === 0) this.#free = 8;
    }
    return this;
  }

  /** An Exp-Golomb code (ISO 14496-10, 9.1). */
  golomb(...values: readonly number[]): this {
    for (const value of values) {
      const length = 32 - Math.clz32(value + 1);
      this.bits(0, length - 1).bits(value + 1, length);
    }
    return this;
  }

  align(): this {
    this.#free = 8;
    return this;
  }

  /** A unit of the stream, with the bytes that keep start codes out of it. */
  unit(type: number): Buffer {
    this.bits(1, 1);
    const escaped: number[] = [];
    for (const byte of this.bytes) {
      if (byte <= 3 && escaped.at(-1) === 0 && escaped.at(-2) === 0) escaped.push(3);
      escaped.push(byte);
    }
    return Buffer.from([0, 0, 0, 1, type, ...escaped]);
  }
}

/**
 * An H.264 stream (ISO 14496-10) that stores each field as a picture, top field first, without compression (I_PCM).
 *
 * @param pictures interlaced pictures in 4:2:0, whose height is a multiple of 32 and whose width is one of 16
 */
export function h264Fields(pictures: Buffer, width: number, height: number): Buffer {
  const units: Buffer[] = [];
  const bytes = (width * height * 3) / 2;
  const [columns, rows] = [width / MACROBLOCK, height / MACROBLOCK / 2];
  for (let number = 0; (number + 1) * bytes <= pictures.length; number++) {
    const picture = pictures.subarray(number * bytes, (number + 1) * bytes);
    for (const field of [0, 1]) {
      const isFirst = number % GROUP === 0 && field === 0;
      units.push(new BitWriter().bits(0, 3).unit(9));
      if (isFirst)
        units.push(
          sequence(columns, rows),
          new BitWriter()
            .golomb(0, 0)
            .bits(0, 2)
            .golomb(0, 0, 0)
            .bits(0, 3)
            .golomb(0, 0, 0)
            .bits(0, 3)
            .unit(0x68),
        );
      const slice = new BitWriter()
        .golomb(0, 7, 0)
        .bits(number % GROUP, 8)
        .bits(1, 1)
        .bits(field, 1);
      if (isFirst) slice.golomb((number / GROUP) % 2).bits(0, 2);
      else slice.bits(0, 1);
      slice.golomb(0);
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          slice.golomb(25).align();
          for (const { start, stride, size } of planes(width, height)) {
            for (let line = 0; line < size; line++) {
              const at = start + (2 * (y * size + line) + field) * stride + x * size;
              for (const level of picture.subarray(at, at + size)) slice.bytes.push(level);
            }
          }
        }
      }
      units.push(slice.unit(isFirst ? 0x65 : 0x61));
    }
  }
  return Buffer.concat(units);
}

/** @returns each plane of a picture, and the side of its part of a macroblock */
function planes(width: number, height: number): { start: number; stride: number; size: number }[] {
  const chroma = { stride: width / 2, size: MACROBLOCK / 2 };
  return [
    { start: 0, stride: width, size: MACROBLOCK },
    { start: width * height, ...chroma },
    { start: 1.25 * width * height, ...chroma },
  ];
}

/** The parameters of a sequence: Main profile, pictures in the order of decoding. */
function sequence(columns: number, rows: number): Buffer {
  const bits = new BitWriter().bits(77, 8).bits(0, 8).bits(40, 8).golomb(0, 4, 2, 1).bits(0, 1);
  // Not all pictures are frames, no macroblock adapts, no cropping, no further description.
  return bits
    .golomb(columns - 1, rows - 1)
    .bits(0, 1)
    .bits(0, 1)
    .bits(1, 1)
    .bits(0, 2)
    .unit(0x67);
}

const SEQUENCE = 0xb3;
const EXTENSION = 0xb5;
const GROUP_OF_PICTURES = 0xb8;

/**
 * Makes field pictures (ISO 13818-2) of an MPEG-2 stream whose pictures are single fields, each a key picture: declares
 * twice the height and half the rate, and alternate fields.
 */
export function mpeg2Fields(stream: Buffer): Buffer {
  const starts: number[] = [];
  for (let at = stream.indexOf("\0\0\u0001"); at >= 0; at = stream.indexOf("\0\0\u0001", at + 3))
    starts.push(at);
  let field = 1;
  return Buffer.concat(
    starts.map((start, i) => {
      const unit = Buffer.from(stream.subarray(start, starts[i + 1]));
      const [code, extension] = [unit[3], (unit[4] ?? 0) >> 4];
      if (code === 0) field = 1 - field;
      const isHeader =
        code === SEQUENCE || code === GROUP_OF_PICTURES || (code === EXTENSION && extension === 1);
      // The second field of a picture follows the first at once.
      if (isHeader && field === 0) return Buffer.alloc(0);
      if (code === SEQUENCE) {
        unit.writeUInt16BE((unit.readUInt16BE(5) & 0xf000) | (2 * (unit.readUInt16BE(5) & 0xfff)), 5);
        unit[7] = ((unit[7] ?? 0) & 0xf0) | 3;
      } else if (code === EXTENSION && extension === 1) unit[5] = (unit[5] ?? 0) & ~0x08;
      else if (code === EXTENSION && extension === 8) {
        unit[6] = ((unit[6] ?? 0) & 0xfc) | (field + 1);
        unit[7] = (unit[7] ?? 0) & 0x3c;
        unit[8] = (unit[8] ?? 0) & 0x7f;
      }
      return unit;
    }),
  );
}
