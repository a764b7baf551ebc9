import { DatabaseSync } from "node:sqlite";
import { err, errorText, ok, type Result } from "@splatt/shared";

/** Reads COLMAP's SQLite database to verify what a step did. Its tables are the same from 3.8 to 4.2. */

/** An image as COLMAP read it. */
export interface ReadImage {
  readonly name: string;
  /** Null when feature extraction did not reach it. */
  readonly features: number | null;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** @returns the images that feature extraction left, or why the database cannot be read */
export function readImages(database: string): Result<readonly ReadImage[], string> {
  return query(database, (connection) =>
    connection
      .prepare(
        `SELECT images.name, keypoints.rows AS features, cameras.width, cameras.height
           FROM images JOIN cameras USING (camera_id) LEFT JOIN keypoints USING (image_id)`,
      )
      .all()
      .map((row) => ({
        name: String(row.name),
        features: row.features === null ? null : Number(row.features),
        width: Number(row.width),
        height: Number(row.height),
      })),
  );
}

/** @returns the number of image pairs with geometrically verified matches */
export function countMatchedPairs(database: string): Result<number, string> {
  return query(database, (connection) => {
    const row = connection.prepare("SELECT COUNT(*) AS pairs FROM two_view_geometries WHERE rows > 0").get();
    return Number(row?.pairs ?? 0);
  });
}

/** Deletes all matches, because COLMAP skips pairs already processed, even those without matches. */
export function clearMatches(database: string): Result<void, string> {
  return query(
    database,
    (connection) => connection.exec("DELETE FROM matches; DELETE FROM two_view_geometries"),
    false,
  );
}

function query<T>(path: string, ask: (connection: DatabaseSync) => T, readOnly = true): Result<T, string> {
  try {
    const connection = new DatabaseSync(path, { readOnly });
    try {
      return ok(ask(connection));
    } finally {
      connection.close();
    }
  } catch (error) {
    return err(errorText(error));
  }
}
