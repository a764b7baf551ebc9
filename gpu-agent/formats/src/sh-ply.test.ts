import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readShPly, writeShPly } from "./sh-ply.ts";
import { emptySplatCloud, type SplatCloud } from "./splat-cloud.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-sh-ply-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** Every number of the cloud is different, so that none can be mistaken for another. */
function testCloud(count: number, shDegree: number): SplatCloud {
  const cloud = emptySplatCloud(count, shDegree);
  let next = 0;
  for (const values of [
    cloud.positions,
    cloud.logScales,
    cloud.rotations,
    cloud.opacities,
    cloud.dc,
    cloud.rest,
  ]) {
    values.forEach((_, i) => {
      values[i] = Math.sin(++next);
    });
  }
  return cloud;
}

describe.each([0, 1, 2, 3])("at degree %i", (degree) => {
  it("reads back what it wrote", async () => {
    const path = join(dir, `degree-${degree}.ply`);
    // More than one chunk of the writer.
    const cloud = testCloud(20_000, degree);
    await writeShPly(path, cloud);
    expect(await readShPly(path)).toEqual({ ok: true, value: cloud });
  });
});

it("writes the layout of nerfstudio's exporter", async () => {
  const path = join(dir, "layout.ply");
  const cloud = testCloud(2, 3);
  await writeShPly(path, cloud);
  const bytes = await readFile(path);
  const end = bytes.indexOf("end_header\n") + "end_header\n".length;
  const header = bytes.toString("latin1", 0, end);
  const names = [...header.matchAll(/^property float (\S+)$/gm)].map((match) => match[1]);
  expect(names.slice(0, 10)).toEqual([
    "x",
    "y",
    "z",
    "nx",
    "ny",
    "nz",
    "f_dc_0",
    "f_dc_1",
    "f_dc_2",
    "f_rest_0",
  ]);
  expect(names.slice(53)).toEqual([
    ...["f_rest_44", "opacity", "scale_0", "scale_1", "scale_2"],
    ...["rot_0", "rot_1", "rot_2", "rot_3"],
  ]);
  expect(bytes.length - end).toBe(2 * 62 * 4);
  const second = (index: number) => bytes.readFloatLE(end + (62 + index) * 4);
  expect(second(1)).toBe(cloud.positions[4]);
  expect(second(4)).toBe(0);
  // f_rest is channel-major: its 16th value is green's first.
  expect(second(9 + 15)).toBe(cloud.rest[45 + 15]);
  expect(second(54)).toBe(cloud.opacities[1]);
  expect(second(58)).toBe(cloud.rotations[4]);
});

it("reads Brush's order of properties, without normals", async () => {
  const names = [
    ...["x", "y", "z", "scale_0", "scale_1", "scale_2", "opacity", "rot_0", "rot_1", "rot_2", "rot_3"],
    ...["f_dc_0", "f_dc_1", "f_dc_2"],
    ...Array.from({ length: 9 }, (_, i) => `f_rest_${i}`),
  ];
  const header = `ply\nformat binary_little_endian 1.0\ncomment Exported from Brush\ncomment Vertical axis: y\nelement vertex 1\n${names
    .map((name) => `property float ${name}\n`)
    .join("")}end_header\n`;
  const body = Buffer.from(Float32Array.from(names, (_, i) => i).buffer);
  const path = join(dir, "brush.ply");
  await writeFile(path, Buffer.concat([Buffer.from(header), body]));
  expect(await readShPly(path)).toEqual({
    ok: true,
    value: {
      count: 1,
      shDegree: 1,
      positions: Float32Array.of(0, 1, 2),
      logScales: Float32Array.of(3, 4, 5),
      opacities: Float32Array.of(6),
      rotations: Float32Array.of(7, 8, 9, 10),
      dc: Float32Array.of(11, 12, 13),
      rest: Float32Array.of(14, 15, 16, 17, 18, 19, 20, 21, 22),
    },
  });
});

it("refuses a number of f_rest that no degree has, and a cloud without gaussians' properties", async () => {
  const path = join(dir, "odd.ply");
  const file = (property: string) =>
    writeFile(path, `ply\nformat ascii 1.0\nelement vertex 0\nproperty float ${property}\nend_header\n`);
  await file("f_rest_0");
  expect(await readShPly(path)).toEqual({ ok: false, error: expect.stringContaining("1 f_rest properties") });
  await file("x");
  expect(await readShPly(path)).toEqual({ ok: false, error: expect.stringContaining("no property 'y'") });
});

describe("splat-transform", () => {
  const tool = (args: string[]) =>
    execa("splat-transform", args, { cwd: dir, preferLocal: true, localDir: import.meta.dirname });

  it("takes the file for a splat and converts it", async () => {
    await writeShPly(join(dir, "tool.ply"), testCloud(500, 3));
    const info = await tool(["-g", "cpu", "tool.ply", "--info", "json", "null"]);
    expect(JSON.parse(info.stdout)).toMatchObject({ gaussian: true, numGaussians: 500, shBands: 3 });
    await tool(["-g", "cpu", "-w", "tool.ply", "tool.spz"]);
    expect((await stat(join(dir, "tool.spz"))).size).toBeGreaterThan(1000);
  });
});
