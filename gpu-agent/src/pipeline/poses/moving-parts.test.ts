import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ColmapModel } from "./colmap-model.ts";
import { movingParts, movingReport } from "./moving-parts.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-moving-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const PAIR_BASE = 2_147_483_647;
const IMAGES = 12;
type Pixel = readonly [number, number];

/** A walk around a ball, and features that no point explains: of image `k`, where `extra` says. */
function capture(extra: (k: number) => readonly Pixel[]): ColmapModel {
  const poses = Array.from({ length: IMAGES }, (_, i) => {
    const a = (i * 5 * Math.PI) / 180;
    return lookAt([4 * Math.cos(a), 4 * Math.sin(a), 1], [0, 0, 0], [0, 0, 1]);
  });
  const model = modelOf(poses, ballOfPoints(200, [0, 0, 0], 0.8));
  const images = model.images.map((image, k) => ({
    ...image,
    features: Float64Array.from([...image.features, ...extra(k).flat()]),
  }));
  return { ...model, images };
}

/** Matches each feature with the one of the same index, in images up to two apart; the extra ones as `match` says. */
function databaseOf(model: ColmapModel): string {
  const file = join(dir, "database.db");
  const db = new DatabaseSync(file);
  db.exec("CREATE TABLE matches (pair_id INTEGER PRIMARY KEY, rows INTEGER, data BLOB)");
  for (const [i, { id, features }] of model.images.entries()) {
    for (const next of model.images.slice(i + 1, i + 3)) {
      const rows = Math.min(features.length, next.features.length) / 2;
      const data = Buffer.from(Uint32Array.from({ length: 2 * rows }, (_, k) => k >> 1).buffer);
      db.prepare("INSERT INTO matches VALUES (?, ?, ?)").run(PAIR_BASE * id + next.id, rows, data);
    }
  }
  db.close();
  return file;
}

/** A patch of 120 × 90 pixels with features every 10, in pictures of 640 × 480. */
function patch(left: number, top: number): Pixel[] {
  return Array.from({ length: 12 * 9 }, (_, i) => [left + 10 * (i % 12), top + 10 * Math.floor(i / 12)]);
}

function sharesOf(model: ColmapModel): number[] {
  const found = movingParts(model, databaseOf(model));
  if (!found.ok) throw new Error(found.error);
  expect(found.value.map(({ name }) => name)).toEqual(model.images.map(({ name }) => name));
  return found.value.map(({ share }) => share);
}

describe("what moves against the scene", () => {
  it("is nothing in a scene that stands still", () => {
    expect(sharesOf(capture(() => []))).toEqual(Array(IMAGES).fill(0));
  });

  it("is nothing where matches are wrong without a system", () => {
    const random = pseudoRandom(3);
    const shares = sharesOf(
      capture(() => Array.from({ length: 150 }, (): Pixel => [640 * random(), 480 * random()])),
    );
    expect(shares).toEqual(Array(IMAGES).fill(0));
  });

  it("has the size of the thing that moves, in the pictures that show it", () => {
    const shares = sharesOf(capture((k) => (k < 6 ? patch(20 + 12 * k, 330 - 25 * k) : [])));
    const size = (120 * 90) / (640 * 480);
    for (const share of shares.slice(0, 6)) {
      expect(share).toBeGreaterThan(0.5 * size);
      expect(share).toBeLessThan(2 * size);
    }
    expect(shares.slice(6)).toEqual(Array(6).fill(0));
  });

  it("is not looked for without a database", () => {
    expect(
      movingParts(
        capture(() => []),
        join(dir, "none.db"),
      ).ok,
    ).toBe(false);
  });
});

describe("the report on it", () => {
  const names = Array.from({ length: 40 }, (_, i) => `frame_${i + 1}.jpg`);
  const parts = (shares: readonly number[]) => names.map((name, i) => ({ name, share: shares[i] ?? 0 }));

  it.each([
    ["nothing", []],
    ["two frames", [0.3, 0.3]],
    ["traces in many", Array(40).fill(0.01)],
  ])("is none for %s", (_, shares) => {
    expect(movingReport(parts(shares), names, new Map())).toBeNull();
  });

  it("has the frames in which most moves, with the names that the person knows", () => {
    const sources = new Map([["frame_3.jpg", { photo: "a/IMG_3.jpg" }]]);
    expect(movingReport(parts([0, 0.1, 0.2, 0, 0.05]), names, sources)).toEqual({
      frames: 3,
      share: 0.009,
      most: [
        { frame: 2, share: 0.1 },
        { frame: 3, photo: "a/IMG_3.jpg", share: 0.2 },
        { frame: 5, share: 0.05 },
      ],
    });
  });

  it("lists sixteen at most", () => {
    const report = movingReport(parts(Array.from({ length: 40 }, (_, i) => (i + 2) / 100)), names, new Map());
    expect(report?.frames).toBe(40);
    expect(report?.most.map(({ frame }) => frame)).toEqual(Array.from({ length: 16 }, (_, i) => 25 + i));
  });
});
