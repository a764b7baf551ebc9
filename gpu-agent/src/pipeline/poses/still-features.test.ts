import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ColmapModel } from "./colmap-model.ts";
import { stillShare } from "./still-features.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-still-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const PAIR_BASE = 2_147_483_647;
const POINTS = 60;

/** A walk around a ball, with features that no point explains: at the same pixel in each picture, or anywhere. */
function capture(still: number, wandering: number): ColmapModel {
  const poses = Array.from({ length: 12 }, (_, i) => {
    const a = (i * 10 * Math.PI) / 180;
    return lookAt([4 * Math.cos(a), 4 * Math.sin(a), 1], [0, 0, 0], [0, 0, 1]);
  });
  const model = modelOf(poses, ballOfPoints(POINTS, [0, 0, 0], 0.8));
  const images = model.images.map((image, k) => ({
    ...image,
    features: Float64Array.from([
      ...image.features,
      ...Array.from({ length: still }, (_, i) => [10 + 9 * i, 20 + 0.3 * (k % 2)]).flat(),
      ...Array.from({ length: wandering }, (_, i) => [10 + 9 * i + 7 * k, 460]).flat(),
    ]),
  }));
  return { ...model, images };
}

/** Matches each feature with the one of the same index, in neighbouring images. */
function databaseOf(model: ColmapModel): string {
  const file = join(dir, "database.db");
  const db = new DatabaseSync(file);
  db.exec("CREATE TABLE matches (pair_id INTEGER PRIMARY KEY, rows INTEGER, data BLOB)");
  for (const [i, { id, features }] of model.images.entries()) {
    const next = model.images[i + 1];
    if (next === undefined) break;
    const rows = Math.min(features.length, next.features.length) / 2;
    const data = Buffer.from(Uint32Array.from({ length: 2 * rows }, (_, k) => k >> 1).buffer);
    db.prepare("INSERT INTO matches VALUES (?, ?, ?)").run(PAIR_BASE * id + next.id, rows, data);
  }
  db.close();
  return file;
}

describe("features that stand still while the cameras turn", () => {
  it.each([
    ["none", 0, 0, 0],
    ["none, and wrong matches", 0, 30, 0],
    ["a background as large as the subject", POINTS, 10, 0.5],
    ["a few, of a watermark", 4, 0, 0.0625],
  ])("%s", (_, still, wandering, share) => {
    const model = capture(still, wandering);
    const found = stillShare(model, databaseOf(model));
    if (!found.ok) throw new Error(found.error);
    expect(found.value).toBeCloseTo(share, 2);
  });

  it("are unknown where the camera hardly turned", () => {
    const model = capture(POINTS, 0);
    const same = {
      ...model,
      images: model.images.map((image) => ({ ...image, quaternion: [1, 0, 0, 0] as const })),
    };
    expect(stillShare(same, databaseOf(same))).toEqual({ ok: true, value: null });
  });

  it("are not looked for without a database", () => {
    expect(stillShare(capture(0, 0), join(dir, "none.db")).ok).toBe(false);
  });
});
