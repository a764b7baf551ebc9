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

/** All numbers of the cloud are distinct, so that a swap of two is detected. */
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

/**
 * Reads as the 3DGS authors' viewer (SIBR) and the Unity importers do: the header's words are compared, and the
 * records have a fixed size and order.
 */
function readStrictly(bytes: Buffer) {
  const end = bytes.indexOf("end_header\n") + "end_header\n".length;
  const lines = bytes.toString("latin1", 0, end).split("\n").slice(0, -1);
  expect(lines.slice(0, 2)).toEqual(["ply", "format binary_little_endian 1.0"]);
  const names = lines.flatMap((line) => /^property float (\S+)$/.exec(line)?.[1] ?? []);
  expect(names).toEqual([
    ...["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"],
    ...Array.from({ length: 45 }, (_, i) => `f_rest_${i}`),
    ...["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"],
  ]);
  const count = Number(/^element vertex (\d+)$/m.exec(lines.join("\n"))?.[1]);
  expect(bytes.length - end).toBe(248 * count);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: 62 }, (_, j) => bytes.readFloatLE(end + 248 * i + 4 * j)),
  );
}

it.each([0, 1, 2, 3])(
  "writes records of 248 bytes in the order of strict readers, from degree %i",
  async (degree) => {
    const path = join(dir, "strict.ply");
    const cloud = testCloud(2, degree);
    await writeShPly(path, cloud, ["Vertical Axis: z"]);
    const bytes = await readFile(path);
    expect(bytes.toString("latin1")).toContain("\ncomment Vertical Axis: z\n");
    const own = (degree + 1) ** 2 - 1;
    const expected = [0, 1].map((i) => [
      ...cloud.positions.slice(3 * i, 3 * i + 3),
      ...[0, 0, 0],
      ...cloud.dc.slice(3 * i, 3 * i + 3),
      // 15 coefficients of red, then of green, then of blue; zeros where the cloud has none.
      ...[0, 1, 2].flatMap((channel) =>
        Array.from({ length: 15 }, (_, j) => (j < own ? cloud.rest[(3 * i + channel) * own + j] : 0)),
      ),
      cloud.opacities[i],
      ...cloud.logScales.slice(3 * i, 3 * i + 3),
      ...cloud.rotations.slice(4 * i, 4 * i + 4),
    ]);
    expect(readStrictly(bytes)).toEqual(expected);
  },
);

it("omits a fourth band", async () => {
  const rest = Array.from({ length: 72 }, (_, i) => `f_rest_${i}`);
  const names = [
    ...["x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"],
    ...["f_dc_0", "f_dc_1", "f_dc_2", ...rest],
  ];
  const path = join(dir, "band-4.ply");
  const header = [
    "ply",
    "format ascii 1.0",
    "element vertex 1",
    ...names.map((name) => `property float ${name}`),
  ];
  const values = names.map((name) => (name.startsWith("f_rest_") ? name.slice(7) : "1"));
  await writeFile(path, [...header, "end_header", values.join(" ")].join("\n"));
  const read = await readShPly(path);
  const bands = [0, 24, 48].flatMap((first) => Array.from({ length: 15 }, (_, i) => first + i));
  expect(read).toMatchObject({ ok: true, value: { shDegree: 3, rest: Float32Array.from(bands) } });
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

it("rejects a number of f_rest that matches no degree, and a cloud without gaussians' properties", async () => {
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

  it("recognises the file as a splat and converts it", async () => {
    await writeShPly(join(dir, "tool.ply"), testCloud(500, 3));
    const info = await tool(["-g", "cpu", "tool.ply", "--info", "json", "null"]);
    expect(JSON.parse(info.stdout)).toMatchObject({ gaussian: true, numGaussians: 500, shBands: 3 });
    await tool(["-g", "cpu", "-w", "tool.ply", "tool.spz"]);
    expect((await stat(join(dir, "tool.spz"))).size).toBeGreaterThan(1000);
  });
});
