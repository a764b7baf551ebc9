import type { Transforms } from "@splatt/formats";
import type { PinholeCamera } from "../dataset/camera.ts";
import type { FrameStore } from "../dataset/frame-stores.ts";
import { planFrameStores, pyramidSizes } from "../dataset/frame-stores.ts";
import { type MemoryLayout, planMemory } from "../kernels/memory-layout.ts";
import type { TrainingSettings } from "../training-settings.ts";

/** Addresses in the kernels are signed 32-bit integers. */
const MAX_BYTES = 2 ** 31 - 2 ** 16;

/** Levels of the image pyramid, the finest included. */
const LEVELS = 3;

export interface ScenePlan {
  readonly layout: MemoryLayout;
  /** One for each level of the image pyramid, finest first. */
  readonly stores: readonly FrameStore[];
}

/**
 * Plans the memory of a training. Photos that do not fit at the requested size are downscaled further.
 *
 * @param frames all photos, held-out ones included
 */
export function planScene(
  settings: TrainingSettings,
  transforms: Pick<Transforms, "w" | "h">,
  frames: number,
  threads: number,
): ScenePlan {
  for (let longSide = settings.longSide; ; longSide = Math.floor(0.9 * longSide)) {
    const sizes = pyramidSizes({ width: transforms.w, height: transforms.h }, longSide, LEVELS);
    const [{ width, height } = { width: 0, height: 0 }] = sizes;
    const layout = planMemory({
      capacity: settings.capacity,
      shDegree: settings.shDegree,
      width,
      height,
      threads,
      frameBytes: planFrameStores(sizes, frames, 0).bytes,
    });
    if (layout.totalBytes <= MAX_BYTES || longSide < 64) {
      return { layout, stores: planFrameStores(sizes, frames, layout.frames).stores };
    }
  }
}

/** How far the cameras reach from their centre, a little more than the farthest: the scale of the scene. */
export function cameraExtent(cameras: readonly PinholeCamera[]): number {
  const mean = [0, 1, 2].map(
    (axis) => cameras.reduce((sum, { position }) => sum + (position[axis] as number), 0) / cameras.length,
  );
  const farthest = cameras.reduce((most, { position }) => {
    const offset = position.map((value, axis) => value - (mean[axis] as number));
    return Math.max(most, Math.hypot(...offset));
  }, 0);
  return 1.1 * (farthest || 1);
}
