import { ok, type Result } from "@splatt/shared";
import { readPlyTable } from "./ply.ts";

/** Coloured points, such as structure from motion finds. */
export interface PointCloud {
  readonly count: number;
  /** x, y, z of point after point. */
  readonly positions: Float32Array;
  /** Red, green, blue of point after point, 0–255. */
  readonly colors: Float32Array;
}

/**
 * Reads a PLY of points with colours.
 *
 * @returns or a sentence that says what is wrong with the file
 */
export async function readPointCloud(path: string): Promise<Result<PointCloud, string>> {
  const names = ["x", "y", "z", "red", "green", "blue"];
  const table = await readPlyTable(path, () => ok(names));
  if (!table.ok) return table;
  const { count, columns } = table.value;
  const interleaved = (chosen: readonly string[]) => {
    const values = new Float32Array(3 * count);
    chosen.forEach((name, j) => {
      const column = columns.get(name) as Float32Array;
      for (let i = 0; i < count; i++) values[3 * i + j] = column[i] as number;
    });
    return values;
  };
  return ok({ count, positions: interleaved(names.slice(0, 3)), colors: interleaved(names.slice(3)) });
}
