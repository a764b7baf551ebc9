import { DatabaseSync } from "node:sqlite";
import { err, errorText, ok, type Result } from "@splatt/shared";

/**
 * Gives each of these images its own camera in COLMAP's database, with the intrinsics of the one that they shared.
 * Features and matches stay. From COLMAP 3.12 on, each camera belongs to a rig, also where there is one camera only.
 *
 * @returns how many images got another camera; 0 when none shared one
 */
export function splitCameras(database: string, names: ReadonlySet<string>): Result<number, string> {
  let connection: DatabaseSync | null = null;
  try {
    connection = new DatabaseSync(database);
    connection.exec("BEGIN");
    const hasRigs =
      connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rigs'").get() !==
      undefined;
    const images = connection.prepare("SELECT image_id, camera_id, name FROM images").all();
    const kept = new Set<number>();
    let split = 0;
    for (const { image_id, camera_id, name } of images) {
      const [image, camera] = [Number(image_id), Number(camera_id)];
      if (!names.has(String(name))) continue;
      // The first image keeps the camera.
      if (kept.has(camera)) {
        splitOff(connection, image, camera, hasRigs);
        split++;
      }
      kept.add(camera);
    }
    connection.exec("COMMIT");
    return ok(split);
  } catch (error) {
    return err(errorText(error));
  } finally {
    connection?.close();
  }
}

function splitOff(connection: DatabaseSync, image: number, camera: number, hasRigs: boolean): void {
  const { lastInsertRowid: own } = connection
    .prepare(
      `INSERT INTO cameras (model, width, height, params, prior_focal_length)
         SELECT model, width, height, params, prior_focal_length FROM cameras WHERE camera_id = ?`,
    )
    .run(camera);
  connection.prepare("UPDATE images SET camera_id = ? WHERE image_id = ?").run(own, image);
  if (!hasRigs) return;
  const frame = connection
    .prepare(
      `SELECT frame_id, rig_id, ref_sensor_type FROM frame_data JOIN frames USING (frame_id) JOIN rigs USING (rig_id)
        WHERE data_id = ? AND sensor_id = ? AND sensor_type = ref_sensor_type`,
    )
    .get(image, camera);
  if (frame === undefined) throw new Error(`image ${image} has no frame`);
  const { lastInsertRowid: rig } = connection
    .prepare("INSERT INTO rigs (ref_sensor_id, ref_sensor_type) VALUES (?, ?)")
    .run(own, frame.ref_sensor_type ?? null);
  connection.prepare("UPDATE frames SET rig_id = ? WHERE frame_id = ?").run(rig, frame.frame_id ?? null);
  connection
    .prepare("UPDATE frame_data SET sensor_id = ? WHERE frame_id = ? AND data_id = ? AND sensor_id = ?")
    .run(own, frame.frame_id ?? null, image, camera);
  connection
    .prepare("UPDATE pose_priors SET corr_sensor_id = ? WHERE corr_data_id = ? AND corr_sensor_id = ?")
    .run(own, image, camera);
}
