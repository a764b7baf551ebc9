import type { Lens, Matrix4 } from "@splatt/formats";

/** A pinhole camera that looks at an image of `width` × `height` pixels; pixel (0, 0) covers [0, 1)². */
export interface PinholeCamera {
  readonly width: number;
  readonly height: number;
  /** Pixels. */
  readonly focalX: number;
  readonly focalY: number;
  readonly centerX: number;
  readonly centerY: number;
  /** World to camera, row-major 3×3, with OpenCV axes: x right, y down, z forward. */
  readonly rotation: readonly number[];
  readonly translation: readonly [number, number, number];
  /** In world coordinates. */
  readonly position: readonly [number, number, number];
}

export interface Intrinsics {
  readonly width: number;
  readonly height: number;
  readonly focalX: number;
  readonly focalY: number;
  readonly centerX: number;
  readonly centerY: number;
}

export function intrinsicsOf({ w, h, fl_x, fl_y, cx, cy }: Lens): Intrinsics {
  return { width: w, height: h, focalX: fl_x, focalY: fl_y, centerX: cx, centerY: cy };
}

/** The camera of a posed frame, whose matrix is camera-to-world with OpenGL axes (x right, y up, z back). */
export function pinholeCamera(intrinsics: Intrinsics, cameraToWorld: Matrix4): PinholeCamera {
  const [r0, r1, r2] = cameraToWorld;
  const position = [r0[3], r1[3], r2[3]] as const;
  const rotation = [r0[0], r1[0], r2[0], -r0[1], -r1[1], -r2[1], -r0[2], -r1[2], -r2[2]];
  const row = (i: number) =>
    -(
      (rotation[3 * i] as number) * position[0] +
      (rotation[3 * i + 1] as number) * position[1] +
      (rotation[3 * i + 2] as number) * position[2]
    );
  return { ...intrinsics, rotation, translation: [row(0), row(1), row(2)], position };
}

/** The camera-to-world matrix with OpenGL axes: what `pinholeCamera` is made from. */
export function cameraToWorld({ rotation, position }: Pick<PinholeCamera, "rotation" | "position">): Matrix4 {
  const row = (i: 0 | 1 | 2): [number, number, number, number] => [
    rotation[i] as number,
    -(rotation[3 + i] as number),
    -(rotation[6 + i] as number),
    position[i],
  ];
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}

/** The same camera for an image of another size. */
export function resized<T extends Intrinsics>(camera: T, width: number, height: number): T {
  const [sx, sy] = [width / camera.width, height / camera.height];
  return {
    ...camera,
    width,
    height,
    focalX: camera.focalX * sx,
    focalY: camera.focalY * sy,
    centerX: camera.centerX * sx,
    centerY: camera.centerY * sy,
  };
}
