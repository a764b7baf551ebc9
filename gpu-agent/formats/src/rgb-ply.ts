import { type PlyField, writePly } from "./ply.ts";
import { numbered } from "./sh-ply.ts";
import type { SplatCloud } from "./splat-cloud.ts";

/** The constant spherical harmonic, ½·√(1/π). */
const SH_C0 = 0.28209479177387814;

const FLOATS_FIRST = ["x", "y", "z", "nx", "ny", "nz"];
const FLOATS_LAST = ["opacity", ...numbered("scale_", 3), ...numbered("rot_", 4)];

/**
 * Writes a splat with plain colours in the layout of nerfstudio's `--ply-color-mode rgb`, without the view-dependent
 * part of the colour. 59 bytes a gaussian.
 *
 * @param comments for the header, one line each
 */
export async function writeRgbPly(
  path: string,
  cloud: SplatCloud,
  comments: readonly string[] = [],
): Promise<void> {
  const fields: PlyField[] = [
    ...FLOATS_FIRST.map((name): PlyField => ({ name, type: "float" })),
    ...["red", "green", "blue"].map((name): PlyField => ({ name, type: "uchar" })),
    ...FLOATS_LAST.map((name): PlyField => ({ name, type: "float" })),
  ];
  const fill = (view: DataView, offset: number, i: number) => {
    let at = offset;
    const put = (value: number) => {
      view.setFloat32(at, value, true);
      at += 4;
    };
    for (let axis = 0; axis < 3; axis++) put(cloud.positions[3 * i + axis] as number);
    for (let axis = 0; axis < 3; axis++) put(0);
    for (let channel = 0; channel < 3; channel++) {
      view.setUint8(at, colorByte(cloud.dc[3 * i + channel] as number));
      at += 1;
    }
    put(cloud.opacities[i] as number);
    for (let axis = 0; axis < 3; axis++) put(cloud.logScales[3 * i + axis] as number);
    for (let part = 0; part < 4; part++) put(cloud.rotations[4 * i + part] as number);
  };
  await writePly(path, cloud.count, fields, fill, comments);
}

/** nerfstudio cuts the fraction off, as numpy's conversion to uint8 does. */
export function colorByte(dc: number): number {
  return Math.floor(255 * Math.min(1, Math.max(0, 0.5 + SH_C0 * dc)));
}
