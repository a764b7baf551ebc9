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

/** @returns the database's numbers of each image and its camera, by the image's name */
export function readImageIds(
  database: string,
): Result<ReadonlyMap<string, { readonly id: number; readonly cameraId: number }>, string> {
  return query(database, (connection) => {
    const rows = connection.prepare("SELECT image_id, camera_id, name FROM images").all();
    return new Map(
      rows.map((row) => [String(row.name), { id: Number(row.image_id), cameraId: Number(row.camera_id) }]),
    );
  });
}

/** A sample of an image's SIFT descriptors, 128 bytes each. */
export interface ImageDescriptors {
  readonly name: string;
  readonly descriptors: Uint8Array;
}

const DESCRIPTOR_BYTES = 128;

/** @param most descriptors per image: evenly spread, so that all scales are among them */
export function readDescriptors(database: string, most: number): Result<readonly ImageDescriptors[], string> {
  return query(database, (connection) => {
    const rows = connection
      .prepare("SELECT images.name, descriptors.data FROM images JOIN descriptors USING (image_id)")
      .iterate();
    const images: ImageDescriptors[] = [];
    for (const { name, data } of rows) {
      const all = data instanceof Uint8Array ? data : new Uint8Array();
      const count = Math.floor(all.length / DESCRIPTOR_BYTES);
      const taken = Math.min(most, count);
      const descriptors = new Uint8Array(DESCRIPTOR_BYTES * taken);
      for (let i = 0; i < taken; i++) {
        const at = DESCRIPTOR_BYTES * Math.floor((i * count) / taken);
        descriptors.set(all.subarray(at, at + DESCRIPTOR_BYTES), DESCRIPTOR_BYTES * i);
      }
      images.push({ name: String(name), descriptors });
    }
    return images;
  });
}

/** @returns the number of image pairs with geometrically verified matches */
export function countMatchedPairs(database: string): Result<number, string> {
  return query(database, (connection) => {
    const row = connection.prepare("SELECT COUNT(*) AS pairs FROM two_view_geometries WHERE rows > 0").get();
    return Number(row?.pairs ?? 0);
  });
}

/** Two images that were matched, by name. */
export interface MatchedPair {
  readonly images: readonly [string, string];
  /** Geometrically verified matches. */
  readonly inliers: number;
  /** A homography explains them: the camera stood or only turned, or what it saw is a plane. */
  readonly flat: boolean;
}

/** COLMAP's kinds of geometry that a homography explains: planar, panoramic, and either. */
const FLAT = new Set([4, 5, 6]);

/** COLMAP's id of a pair is this times the smaller image id, plus the larger. */
const PAIR_BASE = 2_147_483_647;

/** @returns the pairs matched so far, also those without a match */
export function readMatchedPairs(database: string): Result<readonly MatchedPair[], string> {
  return query(database, (connection) => {
    const names = new Map(
      connection
        .prepare("SELECT image_id, name FROM images")
        .all()
        .map((row) => [Number(row.image_id), String(row.name)]),
    );
    const pairs: MatchedPair[] = [];
    const rows = connection
      .prepare(
        `SELECT matches.pair_id AS pair, COALESCE(two_view_geometries.rows, 0) AS inliers, config
           FROM matches LEFT JOIN two_view_geometries USING (pair_id)`,
      )
      .iterate();
    for (const { pair, inliers, config } of rows) {
      const first = names.get(Math.floor(Number(pair) / PAIR_BASE));
      const second = names.get(Number(pair) % PAIR_BASE);
      if (first === undefined || second === undefined) continue;
      pairs.push({ images: [first, second], inliers: Number(inliers), flat: FLAT.has(Number(config)) });
    }
    return pairs;
  });
}

/** The matches of two images. */
export interface ImageMatches {
  /** Ids of the images. */
  readonly first: number;
  readonly second: number;
  /** Indices of features: of the first image, of the second one, of the first one … */
  readonly features: Uint32Array;
}

/** With fewer matches, a pair tells nothing. */
const MIN_RAW_MATCHES = 15;

/** @returns the matches, before their geometric verification, of the first `most` of these pairs that have some */
export function readRawMatches(
  database: string,
  pairs: readonly (readonly [number, number])[],
  most: number,
): Result<readonly ImageMatches[], string> {
  return query(database, (connection) => {
    const statement = connection.prepare("SELECT data FROM matches WHERE pair_id = ? AND rows >= ?");
    const found: ImageMatches[] = [];
    for (const [a, b] of pairs) {
      if (found.length >= most) break;
      const [first, second] = a < b ? [a, b] : [b, a];
      const data = statement.get(PAIR_BASE * first + second, MIN_RAW_MATCHES)?.data;
      if (!(data instanceof Uint8Array)) continue;
      found.push({ first, second, features: indicesIn(data) });
    }
    return found;
  });
}

/**
 * @param most pairs of each image: those with the most matches
 * @returns the matches, before their geometric verification, of these images with each other
 */
export function readMatchesOfNeighbours(
  database: string,
  images: ReadonlySet<number>,
  most: number,
): Result<readonly ImageMatches[], string> {
  return query(database, (connection) => {
    const rows = connection
      .prepare("SELECT pair_id AS pair FROM matches WHERE rows >= ? ORDER BY rows DESC")
      .iterate(MIN_RAW_MATCHES);
    const pairsOf = new Map<number, number>();
    const chosen: number[] = [];
    for (const { pair } of rows) {
      const ends = [Math.floor(Number(pair) / PAIR_BASE), Number(pair) % PAIR_BASE];
      if (ends.some((image) => !images.has(image))) continue;
      if (ends.every((image) => (pairsOf.get(image) ?? 0) >= most)) continue;
      for (const image of ends) pairsOf.set(image, (pairsOf.get(image) ?? 0) + 1);
      chosen.push(Number(pair));
    }
    const statement = connection.prepare("SELECT data FROM matches WHERE pair_id = ?");
    return chosen.flatMap((pair) => {
      const data = statement.get(pair)?.data;
      const [first, second] = [Math.floor(pair / PAIR_BASE), pair % PAIR_BASE];
      return data instanceof Uint8Array ? [{ first, second, features: indicesIn(data) }] : [];
    });
  });
}

/** @returns the geometrically verified matches between images of one set and images of another */
export function readVerifiedMatches(
  database: string,
  ofFirst: ReadonlySet<number>,
  ofSecond: ReadonlySet<number>,
): Result<readonly ImageMatches[], string> {
  return query(database, (connection) => {
    const rows = connection
      .prepare("SELECT pair_id AS pair, data FROM two_view_geometries WHERE rows > 0")
      .iterate();
    const found: ImageMatches[] = [];
    for (const { pair, data } of rows) {
      const [first, second] = [Math.floor(Number(pair) / PAIR_BASE), Number(pair) % PAIR_BASE];
      const isAcross =
        (ofFirst.has(first) && ofSecond.has(second)) || (ofFirst.has(second) && ofSecond.has(first));
      if (isAcross && data instanceof Uint8Array) found.push({ first, second, features: indicesIn(data) });
    }
    return found;
  });
}

function indicesIn(data: Uint8Array): Uint32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Uint32Array.from({ length: 2 * Math.floor(data.length / 8) }, (_, i) => view.getUint32(4 * i, true));
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
