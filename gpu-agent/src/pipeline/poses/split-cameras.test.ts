import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { splitCameras } from "./split-cameras.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-split-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** As COLMAP leaves them: three images of camera 1, one of camera 2. */
const TABLES = `
  CREATE TABLE cameras (camera_id INTEGER PRIMARY KEY AUTOINCREMENT, model INTEGER, width INTEGER, height INTEGER,
    params BLOB, prior_focal_length INTEGER);
  CREATE TABLE images (image_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, camera_id INTEGER);
  INSERT INTO cameras VALUES (1, 2, 640, 480, x'0102', 0), (2, 2, 320, 240, x'03', 1);
  INSERT INTO images VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1), (4, 'd', 2);`;
/** From 3.12 on. */
const RIGS = `
  CREATE TABLE rigs (rig_id INTEGER PRIMARY KEY AUTOINCREMENT, ref_sensor_id INTEGER, ref_sensor_type INTEGER);
  CREATE UNIQUE INDEX one_rig ON rigs (ref_sensor_id, ref_sensor_type);
  CREATE TABLE frames (frame_id INTEGER PRIMARY KEY AUTOINCREMENT, rig_id INTEGER);
  CREATE TABLE frame_data (frame_id INTEGER, data_id INTEGER, sensor_id INTEGER, sensor_type INTEGER);
  CREATE TABLE pose_priors (pose_prior_id INTEGER PRIMARY KEY, corr_data_id INTEGER, corr_sensor_id INTEGER);
  INSERT INTO rigs VALUES (1, 1, 0), (2, 2, 0);
  INSERT INTO frames VALUES (11, 1), (12, 1), (13, 1), (14, 2);
  INSERT INTO frame_data VALUES (11, 1, 1, 0), (12, 2, 1, 0), (13, 3, 1, 0), (14, 4, 2, 0);
  INSERT INTO pose_priors VALUES (1, 2, 1), (2, 4, 2);`;

it.each([
  ["3.8", TABLES],
  ["4.2", TABLES + RIGS],
])("gives images a camera each, in the database of COLMAP %s", (version, sql) => {
  const file = join(dir, "database.db");
  using db = new DatabaseSync(file);
  db.exec(sql);
  expect(splitCameras(file, new Set(["a", "b", "d"]))).toEqual({ ok: true, value: 1 });
  expect(splitCameras(file, new Set(["a", "b", "d"]))).toEqual({ ok: true, value: 0 });
  const all = (query: string) =>
    db
      .prepare(query)
      .all()
      .map((row) => Object.values(row));
  expect(all("SELECT name, camera_id FROM images ORDER BY name")).toEqual([
    ["a", 1],
    ["b", 3],
    ["c", 1],
    ["d", 2],
  ]);
  expect(all("SELECT model, width, height, hex(params) FROM cameras WHERE camera_id IN (1, 3)")).toEqual([
    [2, 640, 480, "0102"],
    [2, 640, 480, "0102"],
  ]);
  if (version === "3.8") return;
  const chain = `SELECT name FROM images JOIN frame_data ON data_id = image_id AND sensor_id = camera_id
    JOIN frames USING (frame_id) JOIN rigs USING (rig_id) WHERE ref_sensor_id = camera_id ORDER BY name`;
  expect(all(chain)).toEqual([["a"], ["b"], ["c"], ["d"]]);
  expect(all("SELECT corr_sensor_id FROM pose_priors ORDER BY 1")).toEqual([[2], [3]]);
});

it("leaves a database that it does not understand as it is", () => {
  const file = join(dir, "database.db");
  using db = new DatabaseSync(file);
  db.exec(`${TABLES} CREATE TABLE rigs (rig_id INTEGER);`);
  expect(splitCameras(file, new Set(["a", "b"])).ok).toBe(false);
  expect(db.prepare("SELECT COUNT(*) AS cameras FROM cameras").get()).toEqual({ cameras: 2 });
});
