import { type Dataset, largestLens, type SplatCloud } from "@splatt/formats";
import { type LoadedDataset, loadDataset } from "../dataset/dataset-loading.ts";
import { createPhotoCounters, loadPhotos } from "../dataset/photo-loading.ts";
import { compileKernels, createMemory } from "../kernels/kernels.ts";
import { createControlBlock, ThreadTeam } from "../loop/thread-team.ts";
import { Training } from "../loop/training.ts";
import { planScene } from "../scene/scene-plan.ts";
import { fromSplatCloud } from "../scene/splat-conversion.ts";
import { openWorkspace } from "../scene/workspace.ts";
import { trainingSettings } from "../training-settings.ts";

/**
 * Renders a splat from the held-out cameras of a dataset and compares it with the photos.
 *
 * @param longSide of the pictures, in pixels; the photos' own by default
 * @returns the mean PSNR
 */
export async function psnrOfSplat(cloud: SplatCloud, dataset: Dataset, longSide?: number): Promise<number> {
  const loaded = await loadDataset(dataset);
  if (!loaded.ok) throw new Error(loaded.error.detail);
  const { transforms, heldOut } = loaded.value satisfies LoadedDataset;
  const largest = largestLens(transforms);
  const settings = {
    ...trainingSettings({ iterations: 1, preset: "standard", max_splats: null, max_resolution: null }),
    longSide: longSide ?? Math.max(largest.w, largest.h),
    capacity: cloud.count,
    shDegree: cloud.shDegree,
    shDegreeFrom: [0, 0, 0],
  };
  const lenses = heldOut.map(({ lens }) => lens);
  const { layout, slots } = planScene(settings, lenses, 1);
  const memory = createMemory(layout);
  const workspace = openWorkspace(memory, compileKernels(layout), layout);
  const bytes = new Uint8Array(memory.buffer);
  const photos = { frames: heldOut, slots, counters: createPhotoCounters() };
  const frames = await loadPhotos(photos, bytes);
  if (!frames.ok) throw new Error(frames.error.detail);
  fromSplatCloud(workspace, cloud);
  const team = new ThreadTeam(createControlBlock(), workspace, 0);
  const scene = { train: [], heldOut, slots, extent: 1 };
  const training = new Training(workspace, team, scene, settings, {
    iteration: 0,
    count: cloud.count,
    seedPoints: 1,
    gains: null,
    poses: null,
  });
  return training.evaluate()?.psnr ?? Number.NaN;
}
