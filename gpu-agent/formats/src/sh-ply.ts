import { err, ok, type Result } from "@splatt/shared";
import { type PlyHeader, readPlyTable, type ScalarType, writePly } from "./ply.ts";
import { emptySplatCloud, restCoefficients, type SplatCloud } from "./splat-cloud.ts";

/*
 * The splat PLY that every viewer reads: the layout of the 3DGS authors' code, which nerfstudio shares.
 */

/** f_rest_* per degree of spherical harmonics. */
const REST_COUNTS = [0, 1, 2, 3].map((degree) => 3 * restCoefficients(degree));

export type PlyField = { readonly name: string; readonly type: ScalarType };

/**
 * Writes a splat with its spherical harmonics: x y z nx ny nz f_dc_0..2 f_rest_* opacity scale_0..2 rot_0..3
 * as little-endian floats; 248 bytes a gaussian at degree 3. Normals are 0.
 */
export async function writeShPly(path: string, cloud: SplatCloud): Promise<void> {
  const restPerGaussian = 3 * restCoefficients(cloud.shDegree);
  const names = [
    ...["x", "y", "z", "nx", "ny", "nz"],
    ...numbered("f_dc_", 3),
    ...numbered("f_rest_", restPerGaussian),
    "opacity",
    ...numbered("scale_", 3),
    ...numbered("rot_", 4),
  ];
  const fields = names.map((name): PlyField => ({ name, type: "float" }));
  await writePly(path, cloud.count, fields, (view, offset, i) => {
    let at = offset;
    const put = (values: Float32Array, perGaussian: number) => {
      for (let j = 0; j < perGaussian; j++) {
        view.setFloat32(at, values[i * perGaussian + j] as number, true);
        at += 4;
      }
    };
    put(cloud.positions, 3);
    for (let axis = 0; axis < 3; axis++) {
      view.setFloat32(at, 0, true);
      at += 4;
    }
    put(cloud.dc, 3);
    put(cloud.rest, restPerGaussian);
    put(cloud.opacities, 1);
    put(cloud.logScales, 3);
    put(cloud.rotations, 4);
  });
}

/**
 * Reads a splat PLY in whatever order its writer put the properties, with or without normals, as text or
 * binary.
 *
 * @returns or a sentence that says what is wrong with the file
 */
export async function readShPly(path: string): Promise<Result<SplatCloud, string>> {
  const table = await readPlyTable(path, chooseColumns);
  if (!table.ok) return table;
  const { header, count, columns } = table.value;
  const degree = shDegreeOf(header);
  if (!degree.ok) return degree;
  const cloud = emptySplatCloud(count, degree.value);
  const interleave = (target: Float32Array, names: readonly string[]) => {
    names.forEach((name, j) => {
      const column = columns.get(name) as Float32Array;
      for (let i = 0; i < count; i++) target[i * names.length + j] = column[i] as number;
    });
  };
  interleave(cloud.positions, ["x", "y", "z"]);
  interleave(cloud.dc, numbered("f_dc_", 3));
  interleave(cloud.rest, numbered("f_rest_", 3 * restCoefficients(degree.value)));
  interleave(cloud.opacities, ["opacity"]);
  interleave(cloud.logScales, numbered("scale_", 3));
  interleave(cloud.rotations, numbered("rot_", 4));
  return ok(cloud);
}

function chooseColumns(header: PlyHeader): Result<readonly string[], string> {
  const degree = shDegreeOf(header);
  if (!degree.ok) return degree;
  const rest = numbered("f_rest_", 3 * restCoefficients(degree.value));
  return ok([
    "x",
    "y",
    "z",
    ...numbered("f_dc_", 3),
    ...rest,
    "opacity",
    ...numbered("scale_", 3),
    ...numbered("rot_", 4),
  ]);
}

function shDegreeOf(header: PlyHeader): Result<number, string> {
  const restCount = header.properties.filter(({ name }) => name.startsWith("f_rest_")).length;
  const degree = REST_COUNTS.indexOf(restCount);
  return degree === -1 ? err(`it has ${restCount} f_rest properties, which no degree of SH has`) : ok(degree);
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
