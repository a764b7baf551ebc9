import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeRgbPly } from "./rgb-ply.ts";
import { emptySplatCloud } from "./splat-cloud.ts";

it("writes nerfstudio's rgb layout, with colours from the constant coefficients", async () => {
  const cloud = emptySplatCloud(2, 1);
  cloud.positions.set([1, 2, 3, 4, 5, 6]);
  cloud.dc.set([0, 1, -1, 5, -5, 0.5]);
  cloud.opacities.set([7, 8]);
  cloud.logScales.set([-1, -2, -3, -4, -5, -6]);
  cloud.rotations.set([1, 0, 0, 0, 0.5, 0.5, 0.5, 0.5]);
  const dir = await mkdtemp(join(tmpdir(), "splatt-rgb-ply-"));
  const path = join(dir, "rgb.ply");
  await writeRgbPly(path, cloud);
  const bytes = await readFile(path);
  await rm(dir, { recursive: true });

  const end = bytes.indexOf("end_header\n") + "end_header\n".length;
  expect(
    [...bytes.toString("latin1", 0, end).matchAll(/^property (\S+ \S+)$/gm)].map((match) => match[1]),
  ).toEqual([
    ...["float x", "float y", "float z", "float nx", "float ny", "float nz"],
    ...["uchar red", "uchar green", "uchar blue"],
    ...["float opacity", "float scale_0", "float scale_1", "float scale_2"],
    ...["float rot_0", "float rot_1", "float rot_2", "float rot_3"],
  ]);
  expect(bytes.length - end).toBe(2 * 59);
  const floats = (offset: number, count: number) =>
    Array.from({ length: count }, (_, i) => bytes.readFloatLE(end + offset + 4 * i));
  expect(floats(0, 6)).toEqual([1, 2, 3, 0, 0, 0]);
  expect([...bytes.subarray(end + 24, end + 27)]).toEqual([127, 199, 55]);
  expect(floats(27, 8)).toEqual([7, -1, -2, -3, 1, 0, 0, 0]);
  expect(floats(59, 3)).toEqual([4, 5, 6]);
  expect([...bytes.subarray(end + 83, end + 86)]).toEqual([255, 0, 163]);
});
