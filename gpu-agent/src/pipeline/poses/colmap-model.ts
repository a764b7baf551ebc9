import { err, ok, type Result } from "@splatt/shared";

/**
 * COLMAP's sparse model, read from cameras.bin, images.bin and points3D.bin. All numbers are little-endian;
 * the format has been the same since COLMAP 3.0 (src/colmap/scene/reconstruction_io*.cc).
 *
 * COLMAP's camera looks along +z with y down; a pose maps world points into the camera: x = R(q)·p + t.
 * Pixel (0, 0) is the corner of the first pixel, so its centre is at (0.5, 0.5).
 */
export interface ColmapCamera {
  readonly id: number;
  /** COLMAP's number of the camera model; see camera-models.ts. */
  readonly model: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly params: readonly number[];
}

export interface ColmapImage {
  readonly id: number;
  /** Rotation from world to camera: w, x, y, z. */
  readonly quaternion: readonly [number, number, number, number];
  readonly translation: readonly [number, number, number];
  readonly cameraId: number;
  readonly name: string;
  /** Features found in the image: x0, y0, x1, y1 … in pixels. */
  readonly features: Float64Array;
}

export interface ColmapPoint {
  readonly position: readonly [number, number, number];
  /** 0–255. */
  readonly colour: readonly [number, number, number];
  /** Mean over its observations, in pixels; −1 when COLMAP has not computed it. */
  readonly error: number;
  /** Its observations: image id, feature index, image id, feature index … */
  readonly track: Uint32Array;
}

export interface ColmapModel {
  readonly cameras: ReadonlyMap<number, ColmapCamera>;
  readonly images: readonly ColmapImage[];
  readonly points: readonly ColmapPoint[];
}

/** COLMAP's camera models that are read, by their numbers. */
export const CAMERA_MODELS = [
  { name: "SIMPLE_PINHOLE", parameters: 3 },
  { name: "PINHOLE", parameters: 4 },
  { name: "SIMPLE_RADIAL", parameters: 4 },
  { name: "RADIAL", parameters: 5 },
  { name: "OPENCV", parameters: 8 },
] as const;

const MIN_CAMERA_BYTES = 4 + 4 + 8 + 8;
const MIN_IMAGE_BYTES = 4 + 7 * 8 + 4 + 1 + 8;
const FEATURE_BYTES = 8 + 8 + 8;
const MIN_POINT_BYTES = 8 + 3 * 8 + 3 + 8 + 8;
const TRACK_ELEMENT_BYTES = 4 + 4;

/**
 * Each of the three files begins with the number of its entries.
 *
 * @returns null when there are fewer than 8 bytes
 */
export function entryCount(head: Uint8Array): number | null {
  const reader = new Reader(head);
  const count = reader.uint64();
  return reader.overrun ? null : count;
}

/** @returns an error sentence for a file that is truncated or holds impossible numbers */
export function parseCameras(bytes: Uint8Array): Result<ReadonlyMap<number, ColmapCamera>, string> {
  const reader = new Reader(bytes);
  const count = reader.count(MIN_CAMERA_BYTES);
  const cameras = new Map<number, ColmapCamera>();
  for (let i = 0; i < count; i++) {
    const id = reader.uint32();
    const model = reader.uint32();
    const width = reader.uint64();
    const height = reader.uint64();
    const parameterCount = CAMERA_MODELS[model]?.parameters;
    if (parameterCount === undefined) return err(`cameras.bin: camera model ${model} is not supported.`);
    const params = Array.from({ length: parameterCount }, () => reader.float64());
    cameras.set(id, { id, model, width, height, params });
  }
  return reader.finish("cameras.bin", cameras);
}

/** @returns an error sentence for a file that is truncated or holds impossible numbers */
export function parseImages(bytes: Uint8Array): Result<readonly ColmapImage[], string> {
  const reader = new Reader(bytes);
  const count = reader.count(MIN_IMAGE_BYTES);
  const images: ColmapImage[] = [];
  for (let i = 0; i < count && !reader.overrun; i++) {
    const id = reader.uint32();
    const quaternion = [reader.float64(), reader.float64(), reader.float64(), reader.float64()] as const;
    const translation = [reader.float64(), reader.float64(), reader.float64()] as const;
    const cameraId = reader.uint32();
    const name = reader.text();
    const featureCount = reader.count(FEATURE_BYTES);
    const features = new Float64Array(2 * featureCount);
    for (let j = 0; j < featureCount; j++) {
      features[2 * j] = reader.float64();
      features[2 * j + 1] = reader.float64();
      // The point's id, which the points' tracks also hold.
      reader.skip(8);
    }
    images.push({ id, quaternion, translation, cameraId, name, features });
  }
  return reader.finish("images.bin", images);
}

/** @returns an error sentence for a file that is truncated or holds impossible numbers */
export function parsePoints(bytes: Uint8Array): Result<readonly ColmapPoint[], string> {
  const reader = new Reader(bytes);
  const count = reader.count(MIN_POINT_BYTES);
  const points: ColmapPoint[] = [];
  for (let i = 0; i < count && !reader.overrun; i++) {
    reader.skip(8);
    const position = [reader.float64(), reader.float64(), reader.float64()] as const;
    const colour = [reader.uint8(), reader.uint8(), reader.uint8()] as const;
    const error = reader.float64();
    const length = reader.count(TRACK_ELEMENT_BYTES);
    const track = new Uint32Array(2 * length);
    for (let j = 0; j < track.length; j++) track[j] = reader.uint32();
    points.push({ position, colour, error, track });
  }
  return reader.finish("points3D.bin", points);
}

/** Reads numbers in sequence; past the end it returns zeros and sets `overrun`. */
class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;
  overrun = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(): number {
    return this.#take(1) ? this.#view.getUint8(this.#at - 1) : 0;
  }

  uint32(): number {
    return this.#take(4) ? this.#view.getUint32(this.#at - 4, true) : 0;
  }

  uint64(): number {
    if (!this.#take(8)) return 0;
    return this.#view.getUint32(this.#at - 8, true) + this.#view.getUint32(this.#at - 4, true) * 2 ** 32;
  }

  float64(): number {
    return this.#take(8) ? this.#view.getFloat64(this.#at - 8, true) : 0;
  }

  /** Text that ends with a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) {
      this.overrun = true;
      return "";
    }
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  /** The number of entries that follow; zero, and an overrun, when that many cannot fit in the remaining bytes. */
  count(minEntryBytes: number): number {
    const count = this.uint64();
    if (count * minEntryBytes <= this.#bytes.length - this.#at) return count;
    this.overrun = true;
    return 0;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  finish<T>(file: string, value: T): Result<T, string> {
    if (this.overrun) return err(`${file} is cut short.`);
    if (this.#at !== this.#bytes.length)
      return err(`${file} has ${this.#bytes.length - this.#at} bytes too many.`);
    return ok(value);
  }

  #take(bytes: number): boolean {
    if (this.overrun || this.#at + bytes > this.#bytes.length) {
      this.overrun = true;
      return false;
    }
    this.#at += bytes;
    return true;
  }
}
