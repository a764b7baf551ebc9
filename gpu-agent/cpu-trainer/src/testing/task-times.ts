import type { Dataset, SplatCloud } from "@splatt/formats";
import { loadDataset } from "../dataset/dataset-loading.ts";
import { cameraAt, planFrameStores, pyramidSizes } from "../dataset/frame-stores.ts";
import { compileKernels, createMemory } from "../kernels/kernels.ts";
import { planMemory } from "../kernels/memory-layout.ts";
import { PASSES, type Pass, runTask, taskCount } from "../loop/passes.ts";
import { fromSplatCloud } from "../scene/splat-conversion.ts";
import { clearTileCounts, tileGrid } from "../scene/tiles.ts";
import { clearPlanes, openWorkspace, setView } from "../scene/workspace.ts";

/** The milliseconds of each task of a pass, in the order in which threads claim them. */
export type TaskTimes = ReadonlyMap<Pass, readonly number[]>;

/**
 * Measures the tasks of an iteration at the full size on this thread, with a trained splat seen from some of a
 * dataset's cameras, without its photos. Each task's time is the least of all rounds, because nothing makes it shorter
 * by chance.
 */
export async function measureTasks(
  cloud: SplatCloud,
  dataset: Dataset,
  longSide: number,
  { views, rounds }: { readonly views: number; readonly rounds: number },
): Promise<TaskTimes[]> {
  const loaded = await loadDataset(dataset);
  if (!loaded.ok) throw new Error(loaded.error.detail);
  const { train } = loaded.value;
  const chosen = Array.from({ length: views }, (_, i) => train[Math.floor((i * train.length) / views)]);
  const cameras = chosen.flatMap((frame) => (frame === undefined ? [] : [frame.camera]));
  return cameras.map((photoCamera) => {
    const sizes = pyramidSizes(photoCamera, longSide, 1);
    const [size = photoCamera] = sizes;
    const layout = planMemory({
      ...{ capacity: cloud.count, shDegree: cloud.shDegree, threads: 1 },
      ...{ width: size.width, height: size.height, frameBytes: planFrameStores(sizes, 1, 0).bytes },
    });
    const memory = createMemory(layout);
    const workspace = openWorkspace(memory, compileKernels(layout), layout);
    fromSplatCloud(workspace, cloud);
    const [store] = planFrameStores(sizes, 1, layout.frames).stores;
    if (store === undefined) throw new Error("A frame has a store");
    new Uint8Array(memory.buffer, store.validMask, store.stride * store.height).fill(255);
    clearPlanes(workspace);
    setView(workspace, cameraAt(photoCamera, store), store, 0);
    const grid = tileGrid(size.width, size.height);
    const iteration = { count: cloud.count, shDegree: cloud.shDegree, height: size.height, grid };
    const times = new Map<Pass, number[]>();
    for (let round = 0; round < rounds; round++) {
      clearTileCounts(workspace.tiles);
      let visible = 0;
      for (const pass of PASSES) {
        const least = times.get(pass) ?? Array(taskCount(pass, iteration)).fill(Number.POSITIVE_INFINITY);
        times.set(pass, least);
        for (let task = 0; task < least.length; task++) {
          const began = performance.now();
          visible += runTask(workspace, pass, task, 0, iteration, visible);
          least[task] = Math.min(least[task] as number, performance.now() - began);
        }
      }
    }
    return times;
  });
}
