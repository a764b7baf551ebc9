import type { Failure, Result } from "@splatt/shared";
import type { DatasetFrame } from "./dataset-frame.ts";
import { type FrameSlot, loadFrames } from "./frame-stores.ts";

/** Indices into `PhotoTask.counters`. */
const COUNTER = { next: 0, loaded: 1 } as const;

/** How often the coordinator reports the other threads' progress once it has no photo left to load. */
const REPORT_INTERVAL_MS = 200;

/** The photos that all training threads load together. */
export interface PhotoTask {
  readonly frames: readonly DatasetFrame[];
  readonly slots: readonly FrameSlot[];
  /** Shared by all threads. */
  readonly counters: Int32Array;
}

export function createPhotoCounters(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(COUNTER).length));
}

/** Loads photos until all are claimed. Other threads may still be loading theirs when this one is done. */
export function loadPhotos(
  { frames, slots, counters }: PhotoTask,
  bytes: Uint8Array,
  onLoaded: (loaded: number) => void = () => undefined,
): Promise<Result<void, Failure>> {
  const claim = () => Atomics.add(counters, COUNTER.next, 1);
  return loadFrames(frames, slots, bytes, claim, () => {
    onLoaded(Atomics.add(counters, COUNTER.loaded, 1) + 1);
    Atomics.notify(counters, COUNTER.loaded);
  });
}

/** Blocks until every photo is loaded. If a photo fails, its thread reports that and the training is terminated. */
export function waitForPhotos({ frames, counters }: PhotoTask, onLoaded: (loaded: number) => void): void {
  for (;;) {
    const loaded = Atomics.load(counters, COUNTER.loaded);
    if (loaded >= frames.length) return;
    Atomics.wait(counters, COUNTER.loaded, loaded, REPORT_INTERVAL_MS);
    onLoaded(Atomics.load(counters, COUNTER.loaded));
  }
}
