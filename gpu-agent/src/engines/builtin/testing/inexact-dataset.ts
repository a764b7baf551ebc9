import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Matrix4, Transforms } from "@splatt/formats";

/** Writes a dataset like that in `exactDir`, whose cameras are each turned by 2°, about one axis or another. */
export async function writeInexactDataset(dir: string, exactDir: string): Promise<void> {
  await mkdir(dir);
  for (const name of ["images", "sparse_pc.ply"]) await symlink(join(exactDir, name), join(dir, name));
  const exact = Transforms.parse(JSON.parse(await readFile(join(exactDir, "transforms.json"), "utf8")));
  const frames = exact.frames.map((frame, i) => ({
    ...frame,
    transform_matrix: turned(frame.transform_matrix, [i % 3, (i + 1) % 3], (i % 2 === 0 ? 2 : -2) * DEGREE),
  }));
  await writeFile(join(dir, "transforms.json"), JSON.stringify({ ...exact, frames }));
}

const DEGREE = Math.PI / 180;

/** A pose whose camera is turned in the plane of two of the world's axes. */
function turned(pose: Matrix4, [a = 0, b = 1]: readonly number[], angle: number): Matrix4 {
  const rows = pose.map((row) => [...row]);
  for (let column = 0; column < 3; column++) {
    const [x, y] = [rows[a]?.[column] ?? 0, rows[b]?.[column] ?? 0];
    (rows[a] ?? [])[column] = Math.cos(angle) * x - Math.sin(angle) * y;
    (rows[b] ?? [])[column] = Math.sin(angle) * x + Math.cos(angle) * y;
  }
  return Matrix4.parse(rows);
}
