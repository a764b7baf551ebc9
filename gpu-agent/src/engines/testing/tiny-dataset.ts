import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset, PosedFrame, Transforms } from "@splatt/formats";
import sharp from "sharp";

const WIDTH = 160;
const HEIGHT = 90;
const FRAMES = 10;
export const TINY_SEEDS = 200;

/** Ten cameras around a cloud of random points, in the poses stage's layout. */
export function tinyTransforms(heldOut = 2): Transforms {
  const frames = Array.from({ length: FRAMES }, (_, i): PosedFrame => {
    const angle = (2 * Math.PI * i) / FRAMES;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return {
      file_path: `images/frame_${String(i + 1).padStart(5, "0")}.jpg`,
      transform_matrix: [
        [-s, 0, c, c],
        [c, 0, s, s],
        [0, 1, 0, 0],
        [0, 0, 0, 1],
      ],
      colmap_im_id: i + 1,
    };
  });
  const files = frames.map((frame) => frame.file_path);
  const held = files.slice(FRAMES - heldOut);
  return {
    ...{ camera_model: "OPENCV", w: WIDTH, h: HEIGHT, fl_x: 140, fl_y: 140, cx: 80, cy: 45 },
    ...{ k1: 0.01, k2: -0.001, p1: 0.0001, p2: 0 },
    frames,
    train_filenames: files.slice(0, FRAMES - heldOut),
    val_filenames: held,
    test_filenames: held,
    applied_transform: [
      [1, 0, 0, 0],
      [0, 0, 1, 0],
      [0, -1, 0, 0],
    ],
    // Not 1: nerfstudio must not apply it again.
    applied_scale: 0.25,
    ply_file_path: "sparse_pc.ply",
  };
}

/** Writes a dataset of noise images to `dir`. */
export async function writeTinyDataset(dir: string, transforms = tinyTransforms()): Promise<Dataset> {
  await mkdir(join(dir, "images"), { recursive: true });
  for (const [i, frame] of transforms.frames.entries()) {
    const pixels = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, at) => (at * 31 + i * 77) % 251);
    const image = sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
    await image.jpeg().toFile(join(dir, frame.file_path));
  }
  const points = Array.from({ length: TINY_SEEDS }, (_, i) => {
    const at = (k: number) => (((i * k) % 101) / 101 - 0.5).toFixed(6);
    return `${at(37)} ${at(53)} ${at(71)} ${i} 100 200`;
  });
  const header = [
    "ply",
    "format ascii 1.0",
    `element vertex ${TINY_SEEDS}`,
    ...["x", "y", "z"].map((name) => `property float ${name}`),
    ...["red", "green", "blue"].map((name) => `property uchar ${name}`),
    "end_header",
  ];
  await writeFile(join(dir, "sparse_pc.ply"), `${[...header, ...points].join("\n")}\n`);
  await writeFile(join(dir, "transforms.json"), JSON.stringify(transforms));
  return { dir };
}
