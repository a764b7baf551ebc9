import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adjustModel } from "./bundle-adjustment.ts";
import type { ColmapCamera, ColmapModel } from "./colmap-model.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { mergeFragments } from "./merge-fragments.ts";
import { readModel, writeModel } from "./model-files.ts";
import { observationsOf } from "./observations.ts";
import { type PlacedModel, passPaths } from "./pass.ts";
import { firstPass } from "./settings.ts";
import { colmapJobOn } from "./testing/colmap-job.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";

/** With the real COLMAP, which adjusts models that were made up. */
const installed = spawnSync("colmap", ["-h"]).status === 0;

const SIZE = { width: 640, height: 480 };
/** Pixels. */
const FOCAL = 600;
const LENS: ColmapCamera = { id: 1, model: 2, ...SIZE, params: [FOCAL, 320, 240, -0.05] };
const IMAGES = 14;
const PART = 7;
const TASK = { ...SIZE, preset: "draft", frames: IMAGES, unordered: false, gpu: false, cores: 2 } as const;
const PLAN = () => firstPass(TASK);

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-merging-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A short walk before a ball of points: so short that other focal lengths fit nearly as well. */
const WHOLE = modelOf(
  Array.from({ length: IMAGES }, (_, i) => {
    const angle = (i - IMAGES / 2) / 60;
    return lookAt([6 * Math.cos(angle), 6 * Math.sin(angle), 1], [0, 0, 0], [0, 0, 1]);
  }),
  ballOfPoints(400, [0, 0, 0], 1.8),
  LENS,
);

function part(from: number, to: number): ColmapModel {
  const images = WHOLE.images.slice(from, to);
  const ids = new Set(images.map(({ id }) => id));
  const points = WHOLE.points.map((point) => {
    const track = point.track.filter((_, i, all) => ids.has(all[i - (i % 2)] ?? 0));
    return { ...point, error: 0, track };
  });
  return { ...WHOLE, images, points };
}

/** The model that COLMAP makes of the same observations with another focal length. */
async function withFocalLength(
  job: ColmapJob,
  model: ColmapModel,
  focal: number,
  folder: string,
): Promise<ColmapModel> {
  const cameras = new Map([[LENS.id, { ...LENS, params: [focal, ...LENS.params.slice(1)] }]]);
  const [changed, work] = [{ ...model, cameras }, join(folder, "work")];
  const adjusted = await adjustModel(job, changed, { keepFocalLength: true }, work, Number.MAX_VALUE);
  if (!adjusted.ok) throw new Error(adjusted.error.detail);
  return adjusted.value;
}

/** A database in which all images match. */
function writeMatches(path: string): void {
  using db = new DatabaseSync(path);
  db.exec(`CREATE TABLE images (image_id INTEGER PRIMARY KEY, name TEXT, camera_id INTEGER);
    CREATE TABLE matches (pair_id INTEGER PRIMARY KEY, rows INTEGER);
    CREATE TABLE two_view_geometries (pair_id INTEGER PRIMARY KEY, rows INTEGER, data BLOB, config INTEGER);
    BEGIN`);
  // Each image shows all points, in their order.
  const features = new Uint8Array(Uint32Array.from(WHOLE.points.flatMap((_, i) => [i, i])).buffer);
  for (const { id, name } of WHOLE.images) {
    db.prepare("INSERT INTO images VALUES (?, ?, ?)").run(id, name, LENS.id);
  }
  for (const { id: first } of WHOLE.images) {
    for (const { id: second } of WHOLE.images.slice(first)) {
      const id = 2147483647 * first + second;
      db.prepare("INSERT INTO matches VALUES (?, ?)").run(id, WHOLE.points.length);
      db.prepare("INSERT INTO two_view_geometries VALUES (?, ?, ?, 2)").run(
        id,
        WHOLE.points.length,
        features,
      );
    }
  }
  db.exec("COMMIT");
}

describe.skipIf(!installed)("two parts of a short walk", () => {
  it.each([0, 1])("are merged where the focal length of part %i is wrong", async (wrong) => {
    const job = await colmapJobOn(WHOLE, dir, SIZE);
    const folder = join(dir, String(wrong));
    const placed = async (model: ColmapModel, index: number): Promise<PlacedModel> => {
      const to = join(folder, `part-${index}`);
      const solved = index === wrong ? await withFocalLength(job, model, 0.75 * FOCAL, folder) : model;
      await writeModel(to, solved);
      return { dir: to, names: model.images.map(({ name }) => name), points: model.points.length };
    };
    const [base, other] = [await placed(part(0, PART), 0), await placed(part(PART, IMAGES), 1)];
    const paths = { ...passPaths(folder, dir), sparse: join(folder, "sparse") };
    writeMatches(paths.database);
    const merger = await mergeFragments(job, PLAN, paths, base, [other], join(folder, "merged"), () => {});
    if (!merger.ok) throw new Error(merger.error.detail);
    expect(merger.value?.merged).toEqual([other]);
    const merged = await readModel(merger.value?.model.dir ?? "");
    if (!merged.ok) throw new Error(merged.error);
    expect(merged.value.images.map(({ name }) => name).toSorted()).toEqual(job.names);
    expect(observationsOf(merged.value).count).toBeGreaterThan(0.97 * observationsOf(WHOLE).count);
    expect(merged.value.cameras.get(LENS.id)?.params[0]).toBeCloseTo(FOCAL, -1);
  });
});
