import type { Transforms } from "@splatt/formats";
import type { Failure, Result } from "@splatt/shared";
import type { DatasetFrame } from "./dataset-loading.ts";
import type { FrameStore } from "./frame-stores.ts";
import { loadFrames } from "./frame-stores.ts";

/** The words that the threads share while they load photos, as 32-bit integers. */
const WORD = { next: 0, loaded: 1 } as const;
export const LOADING_WORDS = 2;

/** How often the leader tells how far the others are once it has nothing left to do itself. */
const TELL_INTERVAL_MS = 200;

/** The photos that all threads of a training load together. */
export interface PhotoTask {
  readonly frames: readonly DatasetFrame[];
  readonly transforms: Transforms;
  readonly stores: readonly FrameStore[];
  readonly words: Int32Array;
}

/** Takes part in the loading until there is no photo left to take. Others may still be at work on theirs. */
export function loadPhotos(
  { frames, transforms, stores, words }: PhotoTask,
  bytes: Uint8Array,
  onLoaded: (loaded: number) => void = () => undefined,
): Promise<Result<void, Failure>> {
  const take = () => Atomics.add(words, WORD.next, 1);
  return loadFrames(frames, transforms, stores, bytes, take, () => {
    onLoaded(Atomics.add(words, WORD.loaded, 1) + 1);
    Atomics.notify(words, WORD.loaded);
  });
}

/** Blocks until every photo is loaded. A thread that fails at one ends the whole training from outside. */
export function waitForPhotos({ frames, words }: PhotoTask, onLoaded: (loaded: number) => void): void {
  for (;;) {
    const loaded = Atomics.load(words, WORD.loaded);
    if (loaded >= frames.length) return;
    Atomics.wait(words, WORD.loaded, loaded, TELL_INTERVAL_MS);
    onLoaded(Atomics.load(words, WORD.loaded));
  }
}
