import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTransforms, type Transforms } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSyntheticDataset } from "../testing/synthetic-dataset.ts";
import { readPhoto } from "./dataset-frame.ts";
import { type LoadedDataset, loadDataset } from "./dataset-loading.ts";

let dir: string;
let files: Map<string, Buffer>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-dataset-"));
  await writeSyntheticDataset(dir, { frames: 6, width: 24, height: 16, holdOutEvery: 3, points: 10 });
  const names = ["transforms.json", "sparse_pc.ply", "images/frame_00002.png"];
  files = new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name))] as const)),
  );
});
afterAll(() => rm(dir, { recursive: true }));

async function restore(): Promise<void> {
  for (const [name, bytes] of files) await writeFile(join(dir, name), bytes);
}

async function edit(change: (transforms: Transforms) => unknown): Promise<void> {
  const transforms = await readTransforms(join(dir, "transforms.json"));
  await writeFile(join(dir, "transforms.json"), JSON.stringify(change(transforms)));
}

/** The first frame's axes, multiplied. */
function withAxes({ frames: [first, ...others], ...rest }: Transforms, factor: number): unknown {
  const transform_matrix = first?.transform_matrix.map((row) =>
    row.map((value, column) => (column < 3 ? factor * value : value)),
  );
  return { ...rest, frames: [{ ...first, transform_matrix }, ...others] };
}

async function load(): Promise<LoadedDataset> {
  const loaded = await loadDataset({ dir });
  if (!loaded.ok) throw new Error(loaded.error.detail);
  return loaded.value;
}

it("loads the cameras, the points and which frames are held out", async () => {
  const { train, heldOut, points } = await load();
  expect(train.map((frame) => frame.name)).toHaveLength(4);
  expect(heldOut.map((frame) => frame.name)).toEqual([
    "./images/frame_00002.png",
    "./images/frame_00005.png",
  ]);
  expect(points.count).toBe(10);
  // All cameras look at the origin, one unit away.
  for (const { camera } of train) {
    expect(camera.translation[0]).toBeCloseTo(0, 6);
    expect(camera.translation[1]).toBeCloseTo(0, 6);
    expect(camera.translation[2]).toBeCloseTo(1, 6);
  }
});

describe("a broken dataset is refused:", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ["no transforms.json", () => rm(join(dir, "transforms.json")), "transforms.json cannot be read"],
    [
      "transforms.json cut off",
      () => writeFile(join(dir, "transforms.json"), "{"),
      "transforms.json cannot be read",
    ],
    [
      "a camera model of another kind",
      () => edit((t) => ({ ...t, camera_model: "FISHEYE" })),
      "camera_model",
    ],
    ["a focal length of 0", () => edit((t) => ({ ...t, fl_x: 0 })), "fl_x"],
    ["a pose that also scales", () => edit((t) => withAxes(t, 100)), "do not have length 1"],
    ["a pose without axes", () => edit((t) => withAxes(t, 0)), "do not have length 1"],
    ["no frame to train on", () => edit((t) => ({ ...t, train_filenames: [] })), "train_filenames"],
    [
      "a photo outside the folder",
      () => edit((t) => ({ ...t, frames: [{ ...t.frames[0], file_path: "../../etc/passwd" }] })),
      "outside the dataset",
    ],
    ["no points file", () => rm(join(dir, "sparse_pc.ply")), "sparse_pc.ply cannot be read"],
    [
      "points without colours",
      () =>
        writeFile(
          join(dir, "sparse_pc.ply"),
          "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n",
        ),
      "no property 'y'",
    ],
  ])("%s", async (_, damage, reason) => {
    await damage();
    const loaded = await loadDataset({ dir });
    await restore();
    expect(loaded).toMatchObject({ ok: false, error: { code: "dataset_invalid" } });
    expect(!loaded.ok && loaded.error.detail).toContain(reason);
  });
});

describe("a broken photo is refused:", () => {
  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ["absent", (path) => rm(path), "frame_00002.png cannot be decoded"],
    ["not an image", (path) => writeFile(path, "hello"), "frame_00002.png cannot be decoded"],
    ["cut off", async (path) => writeFile(path, (await readFile(path)).subarray(0, 60)), "cannot be decoded"],
  ])("%s", async (_, damage, reason) => {
    const { heldOut } = await load();
    const frame = heldOut[0] as LoadedDataset["heldOut"][number];
    await damage(frame.path);
    const photo = await readPhoto(frame);
    await restore();
    expect(photo).toMatchObject({ ok: false, error: { code: "dataset_invalid" } });
    expect(!photo.ok && photo.error.detail).toContain(reason);
  });

  it("of another size than the camera's", async () => {
    await edit((t) => ({ ...t, w: 25 }));
    const { heldOut } = await load();
    const photo = await readPhoto(heldOut[0] as LoadedDataset["heldOut"][number]);
    await restore();
    expect(photo).toMatchObject({
      error: { code: "dataset_invalid", detail: expect.stringContaining("24×16 pixels, its camera 25×16") },
    });
  });
});

it("ignores data after the points", async () => {
  await appendFile(join(dir, "sparse_pc.ply"), "and more");
  const { points } = await load();
  await restore();
  expect(points.count).toBe(10);
});
