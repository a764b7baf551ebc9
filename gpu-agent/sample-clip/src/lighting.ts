import { hash } from "./noise.ts";
import { LAMP, type Prop } from "./scene.ts";
import type { FaceSize, Hit, SurfacePoint } from "./shapes.ts";
import type { FaceTexture } from "./textures.ts";

/**
 * Baked lighting, computed once per face and multiplied into its texture: everything is matt and static, so it does
 * not depend on the view. A square lamp gives soft shadows; the rest is ambient light, reduced where objects are close
 * (ambient occlusion, S. Zhukov et al. 1998).
 */

const LAMP_SAMPLES_PER_SIDE = 4;
const SKY_SAMPLES = 20;
const SKY_REACH = 2.6;
/** World units between two light samples. */
const SPACING = { props: 0.085, room: 0.4 } as const;

const LAMP_COLOUR = [1.06, 0.96, 0.82] as const;
const SKY_COLOUR = [0.4, 0.44, 0.5] as const;

/** Light at the corners of a grid over a face; r, g, b. */
interface LightMap {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** Paints level 0 of a face's texture, lit. */
export function bakeFace(scene: readonly Prop[], texture: FaceTexture, atlas: Uint8Array): void {
  const prop = scene[texture.prop];
  const size = prop?.shape.faces[texture.face];
  const paint = prop?.paints[texture.face];
  const level = texture.levels[0];
  if (!prop || !size || !paint || !level) return;
  const light = lightMap(scene, texture.prop, texture.face, size);
  const here = new Float64Array(3);
  for (let y = 0; y < level.height; y++) {
    const v = (y + 0.5) / level.height;
    for (let x = 0; x < level.width; x++) {
      const u = (x + 0.5) / level.width;
      const colour = paint(u * size.width, v * size.height);
      interpolate(light, u, v, here);
      const at = level.offset + 3 * (y * level.width + x);
      for (let c = 0; c < 3; c++) {
        const lit = 255 * (colour[c] ?? 0) * (here[c] ?? 0);
        atlas[at + c] = lit < 0 ? 0 : lit > 255 ? 255 : lit + 0.5;
      }
    }
  }
}

function lightMap(scene: readonly Prop[], propIndex: number, face: number, size: FaceSize): LightMap {
  const spacing = propIndex === 0 ? SPACING.room : SPACING.props;
  const width = Math.max(4, Math.min(96, Math.ceil(size.width / spacing)));
  const height = Math.max(4, Math.min(96, Math.ceil(size.height / spacing)));
  const values = new Float32Array(3 * width * height);
  const point: SurfacePoint = { x: 0, y: 0, z: 0, nx: 0, ny: 0, nz: 0 };
  const shape = scene[propIndex]?.shape;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      shape?.pointAt(face, x / (width - 1), y / (height - 1), point);
      const seed = (propIndex * 8 + face) * 10007 + y * width + x;
      const lamp = lampLight(scene, point, seed);
      const sky = skyLight(scene, point, seed);
      for (let c = 0; c < 3; c++) {
        const linear = lamp * (LAMP_COLOUR[c] ?? 1) + sky * (SKY_COLOUR[c] ?? 1);
        values[3 * (y * width + x) + c] = linear ** (1 / 2.2);
      }
    }
  }
  return { width, height, values };
}

function interpolate(light: LightMap, u: number, v: number, out: Float64Array): void {
  const x = u * (light.width - 1);
  const y = v * (light.height - 1);
  const x0 = Math.min(light.width - 2, x | 0);
  const y0 = Math.min(light.height - 2, y | 0);
  const fx = x - x0;
  const fy = y - y0;
  const at = 3 * (y0 * light.width + x0);
  const below = at + 3 * light.width;
  for (let c = 0; c < 3; c++) {
    const top = (light.values[at + c] ?? 0) * (1 - fx) + (light.values[at + 3 + c] ?? 0) * fx;
    const bottom = (light.values[below + c] ?? 0) * (1 - fx) + (light.values[below + 3 + c] ?? 0) * fx;
    out[c] = top * (1 - fy) + bottom * fy;
  }
}

/** The light from the lamp, about 1 straight below it. */
function lampLight(scene: readonly Prop[], point: SurfacePoint, seed: number): number {
  let sum = 0;
  for (let j = 0; j < LAMP_SAMPLES_PER_SIDE; j++) {
    for (let i = 0; i < LAMP_SAMPLES_PER_SIDE; i++) {
      const a = (i + hash(seed, i, j)) / LAMP_SAMPLES_PER_SIDE;
      const b = (j + hash(seed, j, i + 50)) / LAMP_SAMPLES_PER_SIDE;
      const dx = LAMP.x + (2 * a - 1) * LAMP.halfWidth - point.x;
      const dy = LAMP.y + (2 * b - 1) * LAMP.halfWidth - point.y;
      const dz = LAMP.z - point.z;
      const distance = Math.hypot(dx, dy, dz);
      const cosine = (dx * point.nx + dy * point.ny + dz * point.nz) / distance;
      if (cosine <= 0 || dz <= 0) continue;
      if (blocked(scene, point, dx / distance, dy / distance, dz / distance, distance)) continue;
      sum += (cosine * (dz / distance) * 75) / (distance * distance);
    }
  }
  return sum / LAMP_SAMPLES_PER_SIDE ** 2;
}

/** The share of the surroundings that a point sees, weighted by the cosine; 0–1. */
function skyLight(scene: readonly Prop[], point: SurfacePoint, seed: number): number {
  let open = 0;
  for (let i = 0; i < SKY_SAMPLES; i++) {
    // A point on the unit sphere around the tip of the normal gives a cosine-weighted direction.
    const z = 1 - (2 * (i + hash(seed, i, 3))) / SKY_SAMPLES;
    const angle = 2 * Math.PI * (i * 0.6180339887 + hash(seed, 7, 5));
    const r = Math.sqrt(Math.max(0, 1 - z * z));
    const dx = point.nx + r * Math.cos(angle);
    const dy = point.ny + r * Math.sin(angle);
    const dz = point.nz + z;
    const length = Math.hypot(dx, dy, dz);
    if (length < 1e-6) continue;
    if (!blocked(scene, point, dx / length, dy / length, dz / length, SKY_REACH)) open++;
  }
  return open / SKY_SAMPLES;
}

const probe: Hit = { t: 0, shape: 0, face: 0, u: 0, v: 0, cosine: 0 };

function blocked(
  scene: readonly Prop[],
  point: SurfacePoint,
  dx: number,
  dy: number,
  dz: number,
  reach: number,
): boolean {
  const ox = point.x + point.nx * 2e-3;
  const oy = point.y + point.ny * 2e-3;
  const oz = point.z + point.nz * 2e-3;
  // Prop 0 is the room, which lets the lamp in.
  for (let i = 1; i < scene.length; i++) {
    const shape = scene[i]?.shape;
    if (!shape) continue;
    const { x, y, z, radius } = shape.bound;
    const along = (x - ox) * dx + (y - oy) * dy + (z - oz) * dz;
    if (along < -radius || along > reach + radius) continue;
    const sx = ox + dx * along - x;
    const sy = oy + dy * along - y;
    const sz = oz + dz * along - z;
    if (sx * sx + sy * sy + sz * sz > radius * radius) continue;
    probe.t = reach;
    if (shape.intersect(ox, oy, oz, dx, dy, dz, probe, i)) return true;
  }
  return false;
}
