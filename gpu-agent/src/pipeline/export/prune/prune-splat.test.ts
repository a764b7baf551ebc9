import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import {
  emptySplatCloud,
  readPointCloud,
  readShPly,
  type SplatCloud,
  selectGaussians,
  writeShPly,
} from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pruneSplat } from "./prune-splat.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-prune-"));
  await writeSyntheticDataset(join(dir, "some-held-out"), { frames: 15, width: 96, height: 72 });
  await writeSyntheticDataset(join(dir, "none-held-out"), {
    frames: 6,
    width: 48,
    height: 36,
    holdOutEvery: 0,
  });
});
afterAll(() => rm(dir, { recursive: true }));

/** A rough splat of the scene, a gaussian for each sparse point, and others after them. */
async function splatWith(
  dataset: string,
  others: readonly { at: readonly number[]; size: number }[],
): Promise<string> {
  const points = await readPointCloud(join(dir, dataset, "sparse_pc.ply"));
  if (!points.ok) throw new Error(points.error);
  const { count, positions, colors } = points.value;
  const cloud: SplatCloud = emptySplatCloud(count + others.length, 0);
  cloud.positions.set(positions);
  cloud.logScales.fill(Math.log(0.08));
  for (let i = 0; i < cloud.count; i++) cloud.rotations[4 * i] = 1;
  cloud.opacities.fill(3);
  colors.forEach((value, i) => {
    cloud.dc[i] = (value / 255 - 0.5) / 0.2820948;
  });
  others.forEach(({ at, size }, i) => {
    cloud.positions.set(at, 3 * (count + i));
    cloud.logScales.fill(Math.log(size), 3 * (count + i), 3 * (count + i + 1));
  });
  const file = join(dir, `${dataset}.ply`);
  await writeShPly(file, cloud);
  return file;
}

const prune = (dataset: string, splatFile: string) =>
  pruneSplat(
    {
      splatFile,
      transformsFile: join(dir, dataset, "transforms.json"),
      photosDir: join(dir, dataset),
    },
    new AbortController().signal,
  );

/** The scene is a room of 3.6 around cameras on a circle of radius 1. */
const FOG = [
  { at: [40, 0, 0], size: 0.1 },
  { at: [0, 0, -60], size: 0.1 },
];

describe("pruneSplat", () => {
  it("removes far fog, keeps the scene, and makes no held-out frame worse", async () => {
    const file = await splatWith("some-held-out", FOG);
    const pruned = await prune("some-held-out", file);
    if (!pruned.ok) return expect.fail(pruned.error.detail);
    const { removed, before, after } = pruned.value;
    expect(removed).toEqual(expect.arrayContaining([1500, 1501]));
    expect(removed.length).toBeLessThan(150);
    expect(after).toBeGreaterThanOrEqual(before ?? Number.POSITIVE_INFINITY);
  });

  it("keeps far gaussians that the photos need", async () => {
    // A sky alone: one gaussian, twice.
    const file = await splatWith("some-held-out", [{ at: [0, 0, -60], size: 40 }]);
    const cloud = await readShPly(file);
    if (!cloud.ok) throw new Error(cloud.error);
    const last = cloud.value.count - 1;
    const sky = selectGaussians(cloud.value, [last, last]);
    await writeShPly(file, sky);
    expect(await prune("some-held-out", file)).toMatchObject({ ok: true, value: { removed: [] } });
  });

  it("removes nothing where no held-out frame can say what it costs", async () => {
    const file = await splatWith("none-held-out", FOG);
    expect(await prune("none-held-out", file)).toEqual({
      ok: true,
      value: { removed: [], before: null, after: null },
    });
  });
});
