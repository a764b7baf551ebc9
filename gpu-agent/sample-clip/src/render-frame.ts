import type { Camera } from "./camera-path.ts";
import type { Prop } from "./scene.ts";
import type { Hit } from "./shapes.ts";
import { type Atlas, addSample } from "./textures.ts";

export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

const TILE = 16;
/** The positions of the extra antialiasing rays within a pixel: a rotated grid. */
const EDGE_SAMPLES = [
  [-0.125, -0.375],
  [0.375, -0.125],
  [0.125, 0.375],
  [-0.375, 0.125],
] as const;

/**
 * Casts one ray per pixel, and four more where a pixel's neighbour shows another face; inside a face the
 * texture's mip levels do the smoothing.
 *
 * @returns rgb24, row by row
 */
export function renderFrame(
  scene: readonly Prop[],
  atlas: Atlas,
  texels: Uint8Array,
  camera: Camera,
  size: FrameSize,
): Uint8Array {
  const { width, height } = size;
  const ids = new Uint16Array(width * height);
  const pixels = new Uint8Array(3 * width * height);
  const candidates = tileCandidates(scene, camera, size);
  const tilesAcross = Math.ceil(width / TILE);
  const colour = new Float64Array(3);
  const hit: Hit = { t: 0, shape: 0, face: 0, u: 0, v: 0, cosine: 0 };

  const cast = (x: number, y: number, props: readonly number[]): number => {
    const a = (x - width / 2) / camera.focal;
    const b = (y - height / 2) / camera.focal;
    const length = Math.sqrt(1 + a * a + b * b);
    const dx = (camera.forward[0] + a * camera.right[0] + b * camera.down[0]) / length;
    const dy = (camera.forward[1] + a * camera.right[1] + b * camera.down[1]) / length;
    const dz = (camera.forward[2] + a * camera.right[2] + b * camera.down[2]) / length;
    hit.t = Infinity;
    for (const index of props) {
      scene[index]?.shape.intersect(
        camera.position[0],
        camera.position[1],
        camera.position[2],
        dx,
        dy,
        dz,
        hit,
        index,
      );
    }
    const texture = atlas.faces[hit.shape]?.[hit.face];
    if (texture) {
      const footprint = hit.t / camera.focal / length / Math.sqrt(Math.max(0.05, hit.cosine));
      addSample(texels, texture, hit.u, hit.v, footprint, colour);
    }
    return hit.shape * 8 + hit.face;
  };

  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const props = candidates[Math.floor(y / TILE) * tilesAcross + Math.floor(x / TILE)] ?? [];
      colour.fill(0);
      const at = y * width + x;
      ids[at] = cast(x + 0.5, y + 0.5, props);
      for (let c = 0; c < 3; c++) pixels[3 * at + c] = (colour[c] ?? 0) + 0.5;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const id = ids[at];
      const edge =
        (x > 0 && ids[at - 1] !== id) ||
        (x < width - 1 && ids[at + 1] !== id) ||
        (y > 0 && ids[at - width] !== id) ||
        (y < height - 1 && ids[at + width] !== id);
      if (!edge) continue;
      const props = candidates[Math.floor(y / TILE) * tilesAcross + Math.floor(x / TILE)] ?? [];
      colour.fill(0);
      for (const [ox, oy] of EDGE_SAMPLES) cast(x + 0.5 + ox, y + 0.5 + oy, props);
      for (let c = 0; c < 3; c++) pixels[3 * at + c] = (colour[c] ?? 0) / EDGE_SAMPLES.length + 0.5;
    }
  }
  return pixels;
}

/** For each tile of the picture, the props whose bounding spheres may be visible in it. */
function tileCandidates(scene: readonly Prop[], camera: Camera, size: FrameSize): number[][] {
  const across = Math.ceil(size.width / TILE);
  const down = Math.ceil(size.height / TILE);
  const tiles: number[][] = Array.from({ length: across * down }, () => []);
  scene.forEach(({ shape }, index) => {
    const { x, y, z, radius } = shape.bound;
    const dx = x - camera.position[0];
    const dy = y - camera.position[1];
    const dz = z - camera.position[2];
    const depth = dx * camera.forward[0] + dy * camera.forward[1] + dz * camera.forward[2];
    let [left, right, top, bottom] = [0, across - 1, 0, down - 1];
    if (depth - radius > 0.1) {
      // Seen off the axis a sphere's outline stretches; the factor covers the corners of the picture.
      const reach = (1.35 * camera.focal * radius) / (depth - radius) + 1;
      const a = dx * camera.right[0] + dy * camera.right[1] + dz * camera.right[2];
      const b = dx * camera.down[0] + dy * camera.down[1] + dz * camera.down[2];
      const px = size.width / 2 + (camera.focal * a) / depth;
      const py = size.height / 2 + (camera.focal * b) / depth;
      left = Math.max(0, Math.floor((px - reach) / TILE));
      right = Math.min(across - 1, Math.floor((px + reach) / TILE));
      top = Math.max(0, Math.floor((py - reach) / TILE));
      bottom = Math.min(down - 1, Math.floor((py + reach) / TILE));
    } else if (depth + radius < 0) return;
    for (let j = top; j <= bottom; j++) {
      for (let i = left; i <= right; i++) tiles[j * across + i]?.push(index);
    }
  });
  return tiles;
}
