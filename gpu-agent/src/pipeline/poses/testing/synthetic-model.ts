import { project, toOpenCv } from "../camera-models.ts";
import type { ColmapCamera, ColmapImage, ColmapModel, ColmapPoint } from "../colmap-model.ts";
import {
  add,
  apply,
  cross,
  dot,
  normalized,
  quaternionOf,
  rotationOf,
  scale,
  subtract,
  type Vector3,
} from "../vectors.ts";

export { encodeModel } from "../encode-model.ts";

/** COLMAP models for tests, made up or written as COLMAP writes them. */

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
