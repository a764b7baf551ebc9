import { type Failure, ok, type Result } from "@splatt/shared/outcomes";
import { alignUp } from "../kernels/memory-layout.ts";
import { type Intrinsics, resized } from "./camera.ts";
import { type DatasetFrame, readPhoto } from "./dataset-frame.ts";
import { AreaAverage, type Channel, type ColorImage, type ImageSize } from "./downscale.ts";
import { undistort, undistortionMap, validPixels } from "./undistortion.ts";

/** Images at one size, as bytes in the shared memory: each frame's planes in turn, and one mask. */
export interface FrameStore {
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** Address of the first frame's red plane; green and blue follow, then the next frame. */
  readonly address: number;
  /** Address of the mask: not 0 where the photo has a valid pixel. The same for all frames of the store. */
  readonly validMask: number;
}

/** Where a frame's pictures are: those of frames of the same camera, one store for each level, finest first. */
export interface FrameSlot {
  readonly stores: readonly FrameStore[];
  /** The frame's position in each of the stores. */
  readonly index: number;
}

/**
 * The sizes at which a scene is trained, finest first; each next one has half the side.
 *
 * @param longSide of the finest level, in pixels; photos are never enlarged
 */
export function pyramidSizes(photo: ImageSize, longSide: number, levels: number): ImageSize[] {
  const scale = Math.min(1, longSide / Math.max(photo.width, photo.height));
  return Array.from({ length: levels }, (_, level) => ({
    width: Math.max(1, Math.round((photo.width * scale) / 2 ** level)),
    height: Math.max(1, Math.round((photo.height * scale) / 2 ** level)),
  }));
}

/** The layout of all levels' frames, one level after another from `address`. */
export function planFrameStores(
  sizes: readonly ImageSize[],
  frames: number,
  address: number,
): { stores: FrameStore[]; bytes: number } {
  let end = address;
  const stores = sizes.map(({ width, height }) => {
    const stride = alignUp(width, 4);
    const store = { width, height, stride, address: end, validMask: end + 3 * frames * stride * height };
    end = alignUp(store.validMask + stride * height + 16, 64);
    return store;
  });
  return { stores, bytes: end - address };
}

/**
 * Decodes, undistorts and shrinks photos into the stores. Several threads may share the work: the
 * result does not depend on which thread processes a photo or writes the masks.
 *
 * @param slots of the frames
 * @param bytes the shared memory
 * @param take claims the next photo; returns an index beyond the last when none is left
 * @param onFrame called after each photo
 */
export async function loadFrames(
  frames: readonly DatasetFrame[],
  slots: readonly FrameSlot[],
  bytes: Uint8Array,
  take: () => number,
  onFrame: () => void,
): Promise<Result<void, Failure>> {
  // Claims go through the frames of one camera after the other, so that each camera is prepared once.
  const order = slots
    .map((_, index) => index)
    .toSorted((a, b) => (slots[a]?.stores[0]?.address ?? 0) - (slots[b]?.stores[0]?.address ?? 0));
  /** The next photo, decoded while this thread works on the previous one. */
  const next = () => {
    const index = order[take()] ?? -1;
    const [frame, slot] = [frames[index], slots[index]];
    return frame === undefined || slot === undefined ? null : { frame, slot, photo: readPhoto(frame) };
  };
  let preparedFor: readonly FrameStore[] | null = null;
  let shrink: ShrinkPhoto = () => undefined;
  for (let current = next(); current !== null; ) {
    const following = next();
    const { frame, slot } = current;
    const photo = await current.photo;
    if (!photo.ok) return photo;
    if (preparedFor !== slot.stores) {
      preparedFor = slot.stores;
      shrink = prepareCamera(frame, slot.stores, bytes);
    }
    shrink(photo.value, slot.index);
    onFrame();
    current = following;
  }
  return ok(undefined);
}

type ShrinkPhoto = (photo: Uint8Array, index: number) => void;

/** Writes the masks of a camera's stores. @returns what undistorts and shrinks its photos into them */
function prepareCamera(
  { camera, lens }: DatasetFrame,
  stores: readonly FrameStore[],
  bytes: Uint8Array,
): ShrinkPhoto {
  const { width, height } = camera;
  const finest = stores[0] as FrameStore;
  const map = undistortionMap(camera, lens);
  const valid: Channel = {
    bytes: validPixels(width, height, map),
    offset: 0,
    rowStep: width,
    pixelStep: 1,
  };
  const shrinkPhoto = new AreaAverage(camera, finest, valid);
  shrinkPhoto.applyToMask(maskOf(finest, bytes));
  const shrinkLevel = stores.slice(1).map((store, i) => {
    const finer = stores[i] as FrameStore;
    const shrink = new AreaAverage(finer, store, maskOf(finer, bytes));
    shrink.applyToMask(maskOf(store, bytes));
    return { shrink, from: finer, to: store };
  });
  return (photo, index) => {
    const pixels = map === null ? photo : undistort(photo, width, height, map);
    const source = { bytes: pixels, offset: 0, rowStep: 3 * width, pixelStep: 3, channelStep: 1 };
    shrinkPhoto.apply(source, colorsOf(finest, bytes, index));
    for (const { shrink, from, to } of shrinkLevel) {
      shrink.apply(colorsOf(from, bytes, index), colorsOf(to, bytes, index));
    }
  };
}

/** A frame's camera at the size of a store. */
export function cameraAt<T extends Intrinsics>(camera: T, store: FrameStore): T {
  return resized(camera, store.width, store.height);
}

function colorsOf(store: FrameStore, bytes: Uint8Array, frame: number): ColorImage {
  const channelStep = store.stride * store.height;
  const offset = store.address + 3 * frame * channelStep;
  return { bytes, offset, rowStep: store.stride, pixelStep: 1, channelStep };
}

function maskOf(store: FrameStore, bytes: Uint8Array): Channel {
  return { bytes, offset: store.validMask, rowStep: store.stride, pixelStep: 1 };
}
