import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { SplatRenderer } from "@splatt/cpu-trainer/rendering";
import {
  lensOf,
  type PosedFrame,
  readPointCloud,
  readShPly,
  readTransforms,
  type SplatCloud,
  selectGaussians,
} from "@splatt/formats";
import { evenly } from "../../evenly.ts";
import { cameraOf, loadPhoto, psnr, sizeWithin } from "../check/photo.ts";
import { pruningRules } from "./floaters.ts";
import type { Pruned, PruneTask } from "./prune-splat.ts";

const SIDE = 480;
const MAX_HELD_OUT = 8;
/** Of a rule's candidates: all, or as many of the least visible ones as cost nothing. */
const SHARES = [1, 0.8, 0.5];

/** Judges each rule by the held-out frames: it is applied if their mean PSNR does not fall. */
async function prune({ splatFile, transformsFile, photosDir }: PruneTask): Promise<Pruned> {
  const transforms = await readTransforms(transformsFile);
  const [cloud, points] = [
    await readShPly(splatFile),
    await readPointCloud(join(photosDir, transforms.ply_file_path)),
  ];
  if (!cloud.ok) throw new Error(cloud.error);
  if (!points.ok) throw new Error(points.error);
  const viewOf = (frame: PosedFrame) => {
    const lens = lensOf(transforms, frame);
    const size = sizeWithin(lens, SIDE);
    return { lens, size, camera: cameraOf(frame, lens, size) };
  };
  const named = (names: readonly string[]) =>
    transforms.frames.filter(({ file_path }) => names.includes(file_path));
  const heldOut = evenly(named(transforms.test_filenames), MAX_HELD_OUT);
  const nothing = { removed: [], before: null, after: null };
  if (heldOut.length === 0) return nothing;
  const views = await Promise.all(
    heldOut.map(async (frame) => {
      const { lens, size, camera } = viewOf(frame);
      return { camera, photo: await loadPhoto(join(photosDir, frame.file_path), lens, size) };
    }),
  );
  const quality = (splat: SplatCloud) => {
    const renderer = new SplatRenderer(splat, { width: SIDE, height: SIDE });
    return (
      views.reduce((sum, { camera, photo }) => sum + psnr(photo, renderer.render(camera)), 0) / views.length
    );
  };

  const before = quality(cloud.value);
  let after = before;
  let removed: ReadonlySet<number> = new Set<number>();
  const cameras = named(transforms.train_filenames).map((frame) => viewOf(frame).camera);
  for (const { candidates } of pruningRules(cloud.value, points.value, cameras)) {
    for (const share of SHARES) {
      const some = candidates.slice(0, Math.ceil(share * candidates.length));
      const tried = new Set([...removed, ...some]);
      if (tried.size === removed.size || tried.size === cloud.value.count) continue;
      const pruned = quality(without(cloud.value, tried));
      if (pruned < after) continue;
      [removed, after] = [tried, pruned];
      break;
    }
  }
  return { removed: Array.from(removed), before, after };
}

function without(cloud: SplatCloud, removed: ReadonlySet<number>): SplatCloud {
  return selectGaussians(
    cloud,
    Array.from({ length: cloud.count }, (_, i) => i).filter((i) => !removed.has(i)),
  );
}

parentPort?.postMessage(await prune(workerData as PruneTask));
