import type { Lens } from "@splatt/formats";
import type { PinholeCamera } from "../dataset/camera.ts";
import type { FrameSlot, FrameStore } from "../dataset/frame-stores.ts";
import { planFrameStores, pyramidSizes } from "../dataset/frame-stores.ts";
import { type MemoryLayout, planMemory } from "../kernels/memory-layout.ts";
import type { TrainingSettings } from "../training-settings.ts";

/** Addresses in the kernels are signed 32-bit integers. */
const MAX_BYTES = 2 ** 31 - 2 ** 16;

/** Levels of the image pyramid, the finest included. */
const LEVELS = 3;

export interface ScenePlan {
  readonly layout: MemoryLayout;
  /** One for each frame. */
  readonly slots: readonly FrameSlot[];
}

/**
 * Plans the memory of a training. Photos that do not fit at the requested size are downscaled further.
 *
 * @param lenses of all photos, held-out ones included
 */
export function planScene(settings: TrainingSettings, lenses: readonly Lens[], threads: number): ScenePlan {
  const cameras = framesOfCameras(lenses);
  for (let longSide = settings.longSide; ; longSide = Math.floor(0.9 * longSide)) {
    const pyramids = cameras.map(({ lens: { w, h }, frames }) => {
      return { frames, sizes: pyramidSizes({ width: w, height: h }, longSide, LEVELS) };
    });
    const largest = (side: "width" | "height") =>
      Math.max(...pyramids.map(({ sizes }) => sizes[0]?.[side] ?? 0));
    const place = (address: number) => {
      let end = address;
      const stores = pyramids.map(({ sizes, frames }): readonly FrameStore[] => {
        const planned = planFrameStores(sizes, frames.length, end);
        end += planned.bytes;
        return planned.stores;
      });
      return { stores, bytes: end - address };
    };
    const layout = planMemory({
      capacity: settings.capacity,
      shDegree: settings.shDegree,
      width: largest("width"),
      height: largest("height"),
      threads,
      frameBytes: place(0).bytes,
    });
    if (layout.totalBytes <= MAX_BYTES || longSide < 64) {
      const { stores } = place(layout.frames);
      const slots: FrameSlot[] = [];
      for (const [camera, { frames }] of cameras.entries()) {
        for (const [index, frame] of frames.entries()) slots[frame] = { stores: stores[camera] ?? [], index };
      }
      return { layout, slots };
    }
  }
}

/** The distinct cameras, each with the indices of its frames. */
function framesOfCameras(lenses: readonly Lens[]): { lens: Lens; frames: number[] }[] {
  const cameras = new Map<string, { lens: Lens; frames: number[] }>();
  for (const [frame, lens] of lenses.entries()) {
    const key = JSON.stringify(lens);
    const camera = cameras.get(key) ?? { lens, frames: [] };
    camera.frames.push(frame);
    cameras.set(key, camera);
  }
  return [...cameras.values()];
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
