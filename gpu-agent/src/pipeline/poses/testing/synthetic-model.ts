import { project, toOpenCv } from "../camera-models.ts";
import type { ColmapCamera, ColmapImage, ColmapModel, ColmapPoint } from "../colmap-model.ts";
import { add, apply, cross, dot, normalized, rotationOf, scale, subtract, type Vector3 } from "../vectors.ts";

/** COLMAP models for tests, made up or written as COLMAP writes them. */

/** Encodes a model as cameras.bin, images.bin and points3D.bin. */
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
  const images = new Writer();
  images.uint64(model.images.length);
  for (const image of model.images) {
    images.uint32(image.id);
    for (const value of [...image.quaternion, ...image.translation]) images.float64(value);
    images.uint32(image.cameraId);
    images.bytes(Buffer.from(`${image.name}\0`));
    images.uint64(image.features.length / 2);
    for (let i = 0; i < image.features.length; i += 2) {
      images.float64(image.features[i] ?? 0);
      images.float64(image.features[i + 1] ?? 0);
      images.bytes(Buffer.alloc(8, 0xff));
    }
  }
  const points = new Writer();
  points.uint64(model.points.length);
  model.points.forEach((point, id) => {
    points.uint64(id + 1);
    for (const value of point.position) points.float64(value);
    points.bytes(Buffer.from(point.colour));
    points.float64(point.error);
    points.uint64(point.track.length / 2);
    for (const value of point.track) points.uint32(value);
  });
  return { cameras: cameras.done(), images: images.done(), points: points.done() };
}

class Writer {
  readonly #chunks: Buffer[] = [];

  uint32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#chunks.push(bytes);
  }

  uint64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.#chunks.push(bytes);
  }

  float64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#chunks.push(bytes);
  }

  bytes(bytes: Buffer): void {
    this.#chunks.push(bytes);
  }

  done(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

const CAMERA: ColmapCamera = { id: 1, model: 2, width: 640, height: 480, params: [600, 320, 240, -0.05] };

/** COLMAP's pose of a camera at `position` that looks at `target`, held level, or rolled by an angle. */
export function lookAt(
  position: Vector3,
  target: Vector3,
  up: Vector3,
  rollRadians = 0,
): Pick<ColmapImage, "quaternion" | "translation"> {
  const forward = normalized(subtract(target, position));
  const level = normalized(cross(forward, up));
  const below = cross(forward, level);
  const right = add(scale(level, Math.cos(rollRadians)), scale(below, Math.sin(rollRadians)));
  const down = cross(forward, right);
  const quaternion = quaternionOf([right, down, forward]);
  const translation = scale([dot(right, position), dot(down, position), dot(forward, position)], -1);
  return { quaternion, translation };
}

/** The quaternion w, x, y, z of a rotation given by its rows (S. Shepperd, 1978). */
function quaternionOf(m: readonly [Vector3, Vector3, Vector3]): readonly [number, number, number, number] {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const options = [
    [1 + a + e + i, h - f, c - g, d - b],
    [h - f, 1 + a - e - i, b + d, c + g],
    [c - g, b + d, 1 - a + e - i, f + h],
    [d - b, c + g, f + h, 1 - a - e + i],
  ] as const;
  const pivots = [options[0][0], options[1][1], options[2][2], options[3][3]];
  const best = options[pivots.indexOf(Math.max(...pivots))] ?? options[0];
  const l = Math.hypot(...best);
  return [best[0] / l, best[1] / l, best[2] / l, best[3] / l];
}

/** Cameras with the given poses, and points that all of them observe where they really appear. */
export function modelOf(
  poses: readonly Pick<ColmapImage, "quaternion" | "translation">[],
  positions: readonly Vector3[],
  camera: ColmapCamera = CAMERA,
): ColmapModel {
  const tracks: number[][] = positions.map(() => []);
  const openCv = toOpenCv(camera);
  const images = poses.map((pose, index): ColmapImage => {
    const rotation = rotationOf(pose.quaternion);
    const features: number[] = [];
    positions.forEach((position, point) => {
      const pixel = openCv && project(openCv, add(apply(rotation, position), pose.translation));
      if (!pixel || pixel[0] < 0 || pixel[1] < 0 || pixel[0] > camera.width || pixel[1] > camera.height)
        return;
      tracks[point]?.push(index + 1, features.length / 2);
      features.push(...pixel);
    });
    return {
      ...pose,
      id: index + 1,
      cameraId: camera.id,
      name: `frame_${String(index + 1).padStart(5, "0")}.jpg`,
      features: Float64Array.from(features),
    };
  });
  const points = positions.map(
    (position, i): ColmapPoint => ({
      position,
      colour: [i % 256, (7 * i) % 256, 128],
      error: 0.5,
      track: Uint32Array.from(tracks[i] ?? []),
    }),
  );
  return { cameras: new Map([[camera.id, camera]]), images, points };
}

/** A ball of points around `centre`, evenly spread. */
export function ballOfPoints(count: number, centre: Vector3, radius: number): Vector3[] {
  return Array.from({ length: count }, (_, i) => {
    const z = 1 - (2 * (i + 0.5)) / count;
    const r = Math.sqrt(1 - z * z);
    const angle = i * 2.399963;
    const from = radius * Math.cbrt(((i * 0.7548777) % 1) + 1e-3);
    return add(centre, scale([r * Math.cos(angle), r * Math.sin(angle), z], from));
  });
}
