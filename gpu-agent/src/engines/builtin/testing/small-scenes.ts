import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";

const SIZE = { frames: 40, width: 96, height: 72 };
const GAINS = [0.7, 1.25, 0.85, 1.1, 1.3];

/** A scene that 500 steps can reproduce, in a folder below `parent`. */
export async function smallScene(parent: string): Promise<{ dir: string }> {
  const dir = join(parent, "dataset");
  await writeSyntheticDataset(dir, { ...SIZE, lens: { k1: 0.05, k2: 0, p1: 0, p2: 0 } });
  return { dir };
}

/** The same scene, with an exposure that changes from frame to frame. */
export async function flickeringScene(parent: string): Promise<{ dir: string }> {
  const dir = join(parent, "flickering");
  await writeSyntheticDataset(dir, {
    ...SIZE,
    gainOf: (frame) =>
      [1, 1, 0.95].map((tint) => tint * (GAINS[frame % GAINS.length] ?? 1)) as [number, number, number],
  });
  return { dir };
}
