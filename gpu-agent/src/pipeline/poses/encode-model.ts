import type { ColmapModel } from "./colmap-model.ts";

/** Encodes a model as COLMAP's cameras.bin, images.bin and points3D.bin; see colmap-model.ts. */
export function encodeModel(model: ColmapModel): { cameras: Buffer; images: Buffer; points: Buffer } {
  const cameras = new Writer();
  cameras.uint64(model.cameras.size);
  for (const camera of model.cameras.values()) {
    cameras.uint32(camera.id);
    cameras.uint32(camera.model);
    cameras.uint64(camera.width);
    cameras.uint64(camera.height);
    for (const param of camera.params) cameras.float64(param);
  }
  const seen = observations(model);
  const images = new Writer();
  images.uint64(model.images.length);
  for (const image of model.images) {
    images.uint32(image.id);
    for (const value of [...image.quaternion, ...image.translation]) images.float64(value);
    images.uint32(image.cameraId);
    images.bytes(Buffer.from(`${image.name}\0`));
    images.uint64(image.features.length / 2);
    const points = seen.get(image.id);
    for (let i = 0; i < image.features.length; i += 2) {
      images.float64(image.features[i] ?? 0);
      images.float64(image.features[i + 1] ?? 0);
      const point = points?.get(i / 2);
      if (point === undefined) images.bytes(NO_POINT);
      else images.uint64(point);
    }
  }
  const points = new Writer();
  points.uint64(model.points.length);
  for (const [index, point] of model.points.entries()) {
    points.uint64(index + 1);
    for (const value of point.position) points.float64(value);
    points.bytes(Uint8Array.from(point.colour));
    points.float64(point.error);
    points.uint64(point.track.length / 2);
    for (const value of point.track) points.uint32(value);
  }
  return { cameras: cameras.done(), images: images.done(), points: points.done() };
}

const NO_POINT = new Uint8Array(8).fill(0xff);

/** For each image, the points of its features. */
function observations({ points }: ColmapModel): Map<number, Map<number, number>> {
  const seen = new Map<number, Map<number, number>>();
  for (const [index, { track }] of points.entries()) {
    for (let i = 0; i < track.length; i += 2) {
      const image = track[i] ?? 0;
      const features = seen.get(image) ?? new Map<number, number>();
      features.set(track[i + 1] ?? 0, index + 1);
      seen.set(image, features);
    }
  }
  return seen;
}

/** Writes numbers in little-endian order. */
class Writer {
  #bytes = Buffer.alloc(1024);
  #length = 0;

  uint32(value: number): void {
    this.#length = this.#grown(4).writeUInt32LE(value, this.#length);
  }

  uint64(value: number): void {
    this.#length = this.#grown(8).writeBigUInt64LE(BigInt(value), this.#length);
  }

  float64(value: number): void {
    this.#length = this.#grown(8).writeDoubleLE(value, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#grown(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grown(more: number): Buffer {
    if (this.#length + more > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#bytes.length + more);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
