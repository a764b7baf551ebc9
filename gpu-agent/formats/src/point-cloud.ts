import { ok, type Result } from "@splatt/shared/outcomes";
import { interleaved, readPlyColumns } from "./ply.ts";

/** Coloured points, as structure from motion finds them. */
export interface PointCloud {
  readonly count: number;
  /** x, y, z of each point. */
  readonly positions: Float32Array;
  /** Red, green, blue of each point, 0–255. */
  readonly colors: Float32Array;
}

/**
 * Reads a PLY of points with colours.
 *
 * @returns the points, or a sentence that says what is wrong with the file
 */
export async function readPointCloud(path: string): Promise<Result<PointCloud, string>> {
  let cloud: PointCloud = { count: 0, positions: new Float32Array(), colors: new Float32Array() };
  const read = await readPlyColumns(path, ({ vertexCount: count }) => {
    cloud = { count, positions: new Float32Array(3 * count), colors: new Float32Array(3 * count) };
    return ok([
      ...interleaved(cloud.positions, ["x", "y", "z"]),
      ...interleaved(cloud.colors, ["red", "green", "blue"]),
    ]);
  });
  return read.ok ? ok(cloud) : read;
}
