import type { Prop } from "./scene.ts";

/** One picture of the atlas at one size. Bytes are r, g, b, one row after the other. */
export interface MipLevel {
  readonly offset: number;
  readonly width: number;
  readonly height: number;
}

/** The texture of one face of one prop, in ever halved sizes (L. Williams, "Pyramidal Parametrics", 1983). */
export interface FaceTexture {
  readonly prop: number;
  readonly face: number;
  readonly levels: readonly MipLevel[];
  /** Level-0 texels per world unit. */
  readonly texelsPerUnit: number;
}

export interface Atlas {
  readonly bytes: number;
  /** By prop, then face; null for a face that is never seen. */
  readonly faces: readonly (readonly (FaceTexture | null)[])[];
}

const LEVELS = 6;
const LARGEST_SIDE = 2048;

/** Where each face's texture lies in one block of memory. The same scene gives the same layout everywhere. */
export function layOutAtlas(scene: readonly Prop[]): Atlas {
  let bytes = 0;
  const faces = scene.map((prop, propIndex) =>
    prop.shape.faces.map((size, face): FaceTexture | null => {
      if (!prop.paints[face]) return null;
      const levels: MipLevel[] = [];
      let width = texels(size.width * prop.texelsPerUnit);
      let height = texels(size.height * prop.texelsPerUnit);
      for (let level = 0; level < LEVELS; level++) {
        levels.push({ offset: bytes, width, height });
        bytes += 3 * width * height;
        width = Math.max(1, width >> 1);
        height = Math.max(1, height >> 1);
      }
      return { prop: propIndex, face, levels, texelsPerUnit: prop.texelsPerUnit };
    }),
  );
  return { bytes, faces };
}

function texels(wanted: number): number {
  return Math.min(LARGEST_SIDE, Math.max(4, Math.round(wanted)));
}

/** Fills levels 1 and up from level 0, each texel the mean of four. */
export function buildMipLevels(texture: FaceTexture, atlas: Uint8Array): void {
  for (let i = 1; i < texture.levels.length; i++) {
    const from = texture.levels[i - 1];
    const to = texture.levels[i];
    if (!from || !to) continue;
    for (let y = 0; y < to.height; y++) {
      const y0 = Math.min(from.height - 1, 2 * y);
      const y1 = Math.min(from.height - 1, 2 * y + 1);
      for (let x = 0; x < to.width; x++) {
        const x0 = Math.min(from.width - 1, 2 * x);
        const x1 = Math.min(from.width - 1, 2 * x + 1);
        const target = to.offset + 3 * (y * to.width + x);
        for (let c = 0; c < 3; c++) {
          const sum =
            (atlas[from.offset + 3 * (y0 * from.width + x0) + c] ?? 0) +
            (atlas[from.offset + 3 * (y0 * from.width + x1) + c] ?? 0) +
            (atlas[from.offset + 3 * (y1 * from.width + x0) + c] ?? 0) +
            (atlas[from.offset + 3 * (y1 * from.width + x1) + c] ?? 0);
          atlas[target + c] = (sum + 2) >> 2;
        }
      }
    }
  }
}

/**
 * Adds the colour at (u, v), seen at such a distance that one pixel covers `footprint` world units, to
 * `out[0..2]` (0–255). Bilinear within a level, linear between levels.
 */
export function addSample(
  atlas: Uint8Array,
  texture: FaceTexture,
  u: number,
  v: number,
  footprint: number,
  out: Float64Array,
): void {
  const detail = Math.log2(Math.max(1e-9, footprint * texture.texelsPerUnit)) - 0.3;
  const lod = Math.min(texture.levels.length - 1.001, Math.max(0, detail));
  const level = lod | 0;
  const share = lod - level;
  const fine = texture.levels[level];
  const coarse = texture.levels[level + 1];
  if (fine && share < 0.999) addBilinear(atlas, fine, u, v, 1 - share, out);
  if (coarse && share > 0.001) addBilinear(atlas, coarse, u, v, share, out);
}

function addBilinear(
  atlas: Uint8Array,
  level: MipLevel,
  u: number,
  v: number,
  weight: number,
  out: Float64Array,
): void {
  const { width, height, offset } = level;
  const x = Math.min(width - 1, Math.max(0, u * width - 0.5));
  const y = Math.min(height - 1, Math.max(0, v * height - 0.5));
  const x0 = x | 0;
  const y0 = y | 0;
  const right = x0 + 1 < width ? 3 : 0;
  const below = y0 + 1 < height ? 3 * width : 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = offset + 3 * (y0 * width + x0);
  const w00 = (1 - fx) * (1 - fy) * weight;
  const w10 = fx * (1 - fy) * weight;
  const w01 = (1 - fx) * fy * weight;
  const w11 = fx * fy * weight;
  for (let c = 0; c < 3; c++) {
    out[c] =
      (out[c] ?? 0) +
      w00 * (atlas[at + c] ?? 0) +
      w10 * (atlas[at + right + c] ?? 0) +
      w01 * (atlas[at + below + c] ?? 0) +
      w11 * (atlas[at + right + below + c] ?? 0);
  }
}
