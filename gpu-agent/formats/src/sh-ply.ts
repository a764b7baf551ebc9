import { totalmem } from "node:os";
import { err, ok, type Result } from "@splatt/shared/outcomes";
import { interleaved, type PlyField, type PlyHeader, readPlyColumns, writePly } from "./ply.ts";
import { emptySplatCloud, restCoefficients, type SplatCloud } from "./splat-cloud.ts";

/*
 * The splat PLY of the 3DGS authors' code. Viewers find properties by name; strict readers (SIBR, Unity) read a
 * fixed record of 62 floats, so that is what we write for every degree of spherical harmonics.
 */

const MAX_SH_DEGREE = 3;
/** Brush can train a fourth band, which no viewer draws; it is omitted. */
const READABLE_DEGREES = [0, 1, 2, 3, 4];
const POSITION = ["x", "y", "z"];
const NORMAL = ["nx", "ny", "nz"];
const DC = numbered("f_dc_", 3);
const SCALE = numbered("scale_", 3);
const ROTATION = numbered("rot_", 4);

const FIELDS = [
  ...[...POSITION, ...NORMAL, ...DC],
  ...numbered("f_rest_", 3 * restCoefficients(MAX_SH_DEGREE)),
  ...["opacity", ...SCALE, ...ROTATION],
].map((name): PlyField => ({ name, type: "float" }));

/**
 * Writes a splat with its spherical harmonics: x y z nx ny nz f_dc_0..2 f_rest_0..44 opacity scale_0..2 rot_0..3 as
 * little-endian floats, 248 bytes a gaussian. Normals are 0, and so are the coefficients of bands that the cloud
 * lacks. f_rest is channel-major: 15 coefficients of red, then of green, then of blue.
 *
 * @param comments for the header, one line each
 */
export async function writeShPly(
  path: string,
  cloud: SplatCloud,
  comments: readonly string[] = [],
): Promise<void> {
  const own = restCoefficients(cloud.shDegree);
  const padding = restCoefficients(MAX_SH_DEGREE) - own;
  await writePly(
    path,
    cloud.count,
    FIELDS,
    (view, offset, i) => {
      let at = offset;
      const put = (values: Float32Array, from: number, count: number) => {
        for (let j = 0; j < count; j++) {
          view.setFloat32(at, values[from + j] as number, true);
          at += 4;
        }
      };
      const putZeros = (count: number) => {
        for (let j = 0; j < count; j++) {
          view.setFloat32(at, 0, true);
          at += 4;
        }
      };
      put(cloud.positions, 3 * i, 3);
      putZeros(3);
      put(cloud.dc, 3 * i, 3);
      for (let channel = 0; channel < 3; channel++) {
        put(cloud.rest, (3 * i + channel) * own, own);
        putZeros(padding);
      }
      put(cloud.opacities, i, 1);
      put(cloud.logScales, 3 * i, 3);
      put(cloud.rotations, 4 * i, 4);
    },
    comments,
  );
}

/** A splat read from a file. */
export interface SplatFile {
  readonly cloud: SplatCloud;
  readonly comments: readonly string[];
}

/**
 * Reads a splat PLY with properties in any order, with or without normals, as text or binary. The cloud's degree is
 * the highest with a coefficient that is not zero: a padded file reads as what was padded.
 *
 * @returns the splat, or a sentence that says what is wrong with the file
 */
export async function readSplatFile(path: string): Promise<Result<SplatFile, string>> {
  let cloud = emptySplatCloud(0, 0);
  const read = await readPlyColumns(path, (header) => {
    const degree = shDegreeOf(header);
    if (!degree.ok) return degree;
    const shDegree = Math.min(degree.value, MAX_SH_DEGREE);
    const bytes = header.vertexCount * 4 * (14 + 3 * restCoefficients(shDegree));
    if (bytes > MAX_MEMORY_SHARE * totalmem()) {
      return err(
        `its ${header.vertexCount} gaussians take ${gb(bytes)} GB of ${gb(totalmem())} GB of memory`,
      );
    }
    cloud = emptySplatCloud(header.vertexCount, shDegree);
    return ok([
      ...interleaved(cloud.positions, POSITION),
      ...interleaved(cloud.dc, DC),
      ...interleaved(cloud.rest, restNames(degree.value, shDegree)),
      ...interleaved(cloud.opacities, ["opacity"]),
      ...interleaved(cloud.logScales, SCALE),
      ...interleaved(cloud.rotations, ROTATION),
    ]);
  });
  return read.ok ? ok({ cloud: withoutEmptyBands(cloud), comments: read.value.comments }) : read;
}

/** Reads the splat of a PLY, see `readSplatFile`. */
export async function readShPly(path: string): Promise<Result<SplatCloud, string>> {
  const read = await readSplatFile(path);
  return read.ok ? ok(read.value.cloud) : read;
}

const MAX_MEMORY_SHARE = 0.5;

function gb(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function shDegreeOf(header: PlyHeader): Result<number, string> {
  const count = header.properties.filter(({ name }) => name.startsWith("f_rest_")).length;
  const degree = READABLE_DEGREES.find((candidate) => 3 * restCoefficients(candidate) === count);
  return degree === undefined
    ? err(`it has ${count} f_rest properties, which no degree of SH has`)
    : ok(degree);
}

/** The names of the first bands' coefficients in a file of a degree. */
function restNames(fileDegree: number, shDegree: number): string[] {
  const perChannel = restCoefficients(fileDegree);
  return [0, 1, 2].flatMap((channel) =>
    Array.from({ length: restCoefficients(shDegree) }, (_, i) => `f_rest_${channel * perChannel + i}`),
  );
}

/** The same gaussians at the lowest degree that holds all coefficients other than zero. */
function withoutEmptyBands(cloud: SplatCloud): SplatCloud {
  const shDegree = usedDegree(cloud);
  if (shDegree === cloud.shDegree) return cloud;
  const [from, to] = [restCoefficients(cloud.shDegree), restCoefficients(shDegree)];
  const rest = new Float32Array(3 * to * cloud.count);
  for (let row = 0; row < 3 * cloud.count; row++) {
    rest.set(cloud.rest.subarray(row * from, row * from + to), row * to);
  }
  return { ...cloud, shDegree, rest };
}

function usedDegree({ shDegree, rest }: SplatCloud): number {
  const perChannel = restCoefficients(shDegree);
  let used = 0;
  for (let i = 0; i < rest.length && used < shDegree; i++) {
    if (rest[i] === 0) continue;
    // Coefficient 0 is of band 1; band d ends before coefficient (d + 1)² − 1.
    used = Math.max(used, Math.floor(Math.sqrt((i % perChannel) + 1)));
  }
  return used;
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
