import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { SplatRenderer } from "@splatt/cpu-trainer";
import {
  lensOf,
  type PosedFrame,
  readShPly,
  readTransforms,
  type SplatCloud,
  type Transforms,
} from "@splatt/formats";
import type { ContactSheet, PhotoSheet } from "@splatt/shared";
import sharp, { type OverlayOptions } from "sharp";
import { evenly } from "../../evenly.ts";
import type { ViewComparison } from "./doubt-psnr.ts";
import { jpegQuality } from "./jpeg-quality.ts";
import { cameraOf, fittedTo, loadPhoto, type Photo, psnr, sizeWithin } from "./photo.ts";

export interface ComparisonTask {
  readonly splatFile: string;
  /** In the folder of a dataset, in whose frame the splat is. */
  readonly transformsFile: string;
  /** Pixels at which the splat was trained. */
  readonly trainedWidth: number;
  /** Whether the exposure jumps from frame to frame: renderings are then fitted to the brightness and tint of their photo. */
  readonly exposureVaries: boolean;
  /** Where the sheet of photos and renderings is written. */
  readonly sheetFile: string;
}

/** The longer one, in pixels. */
const SIDE = 320;
const MAX_HELD_OUT = 4;
const TRAINING_WITHOUT_HELD_OUT = 6;
/** The sheet: how many held-out frames it has at most, and the longer side of its pictures in pixels. */
const MAX_SHEET_ROWS = 8;
const SHEET_SIDE = 480;
/** The contact sheet below them: how many frames it has at most, and about how wide each is in pixels. */
const MAX_CONTACTS = 48;
const CONTACT_WIDTH = 120;

function compensated({ exposureVaries }: ComparisonTask, photo: Photo, rendering: Uint8Array): Uint8Array {
  return exposureVaries ? fittedTo(photo, rendering) : rendering;
}

async function compareViews(task: ComparisonTask): Promise<ViewComparison> {
  const cloud = await readShPly(task.splatFile);
  if (!cloud.ok) throw new Error(cloud.error);
  const transforms = await readTransforms(task.transformsFile);
  const renderer = new SplatRenderer(cloud.value, { width: SIDE, height: SIDE });
  const { heldOut, training } = chooseViews(transforms);
  const photoFile = ({ file_path }: PosedFrame) => join(dirname(task.transformsFile), file_path);

  const psnrs = async (frames: readonly PosedFrame[]) => {
    const each: { rendered: number; meanColour: number }[] = [];
    for (const frame of frames) {
      const lens = lensOf(transforms, frame);
      const size = sizeWithin(lens, SIDE);
      const camera = cameraOf(frame, lens, size);
      const photo = await loadPhoto(photoFile(frame), lens, size);
      each.push({
        rendered: psnr(photo, compensated(task, photo, renderer.render(camera))),
        meanColour: psnr(photo, meanColourOf(photo)),
      });
    }
    return each;
  };
  const trained = await psnrs(training);
  const held = await psnrs(heldOut);
  const first = heldOut[0] ?? training[0];
  return {
    heldOut: held.length === 0 ? null : mean(held.map(({ rendered }) => rendered)),
    training: mean(trained.map(({ rendered }) => rendered)),
    meanColour: mean(trained.map(({ meanColour }) => meanColour)),
    jpegCeiling: first === undefined ? null : await jpegCeiling(photoFile(first), task.trainedWidth),
    sheet: await writeSheet(task, cloud.value, transforms),
  };
}

/**
 * Writes one picture with a row for each of some held-out frames: the photo on the left, the splat from the same camera on
 * the right. Below them are the frames of the whole capture. One file, because each file of a job costs requests and rows.
 */
async function writeSheet(
  task: ComparisonTask,
  cloud: SplatCloud,
  transforms: Transforms,
): Promise<PhotoSheet> {
  const { sheetFile, transformsFile } = task;
  const heldOut = evenly(
    transforms.frames.filter(({ file_path }) => transforms.test_filenames.includes(file_path)),
    MAX_SHEET_ROWS,
  );
  const sizes = (heldOut.length > 0 ? heldOut : transforms.frames).map((frame) =>
    sizeWithin(lensOf(transforms, frame), SHEET_SIDE),
  );
  const width = Math.max(...sizes.map((size) => size.width));
  const height = Math.max(...sizes.map((size) => size.height));
  const renderer = new SplatRenderer(cloud, { width, height });
  const rows: { frame: string; psnr: number }[] = [];
  const pictures: OverlayOptions[] = [];
  for (const [index, frame] of heldOut.entries()) {
    const lens = lensOf(transforms, frame);
    const size = sizeWithin(lens, SHEET_SIDE);
    const photo = await loadPhoto(join(dirname(transformsFile), frame.file_path), lens, size);
    const rendering = compensated(task, photo, renderer.render(cameraOf(frame, lens, size)));
    rows.push({ frame: basename(frame.file_path), psnr: Math.round(10 * psnr(photo, rendering)) / 10 });
    const raw = { ...size, channels: 3 } as const;
    // Photos of other shapes are centred in their cell.
    const left = (width - size.width) >> 1;
    const top = index * height + ((height - size.height) >> 1);
    pictures.push({ input: Buffer.from(photo.pixels), raw, left, top });
    pictures.push({ input: Buffer.from(rendering), raw, left: width + left, top });
  }
  const contact = await contactSheet(transformsFile, transforms, {
    width,
    height,
    top: rows.length * height,
  });
  pictures.push(...contact.pictures);
  const { columns, frames } = contact.sheet;
  const total = {
    width: Math.max(2 * width, columns * contact.sheet.width),
    height: contact.sheet.top + Math.ceil(frames.length / columns) * contact.sheet.height,
  };
  await sharp({ create: { ...total, channels: 3, background: "black" } })
    .composite(pictures)
    .webp({ quality: 82 })
    .toFile(sheetFile);
  return { file: basename(sheetFile), total, width, height, rows, contact: contact.sheet };
}

/** The frames of the capture in their order, small, and whether each has a camera. */
async function contactSheet(
  transformsFile: string,
  { frames }: Transforms,
  { width, height, top }: { readonly width: number; readonly height: number; readonly top: number },
): Promise<{ readonly sheet: ContactSheet; readonly pictures: OverlayOptions[] }> {
  const dir = dirname(transformsFile);
  const placed = new Set(frames.map(({ file_path }) => normalize(file_path)));
  const folder = dirname(frames[0]?.file_path ?? "");
  const found = await readdir(join(dir, folder)).catch((): string[] => []);
  const isPhoto = (name: string) => /\.(?:jpe?g|png|webp)$/i.test(name);
  const all = new Set([...placed, ...found.filter(isPhoto).map((name) => join(folder, name))]);
  const shown = evenly([...all].toSorted(), MAX_CONTACTS);
  const columns = Math.max(1, Math.round((2 * width) / CONTACT_WIDTH));
  const cell = { width: Math.max(1, Math.floor((2 * width) / columns)), height: 0 };
  cell.height = Math.max(1, Math.round((cell.width * height) / width));
  const pictures = await Promise.all(
    shown.map(async (file, index) => ({
      input: await sharp(join(dir, file))
        .resize(cell.width, cell.height, { fit: "contain", background: "black" })
        .removeAlpha()
        .png()
        .toBuffer(),
      left: (index % columns) * cell.width,
      top: top + Math.floor(index / columns) * cell.height,
    })),
  );
  const list = shown.map((file) => ({ frame: basename(file), placed: placed.has(file) }));
  return { sheet: { ...cell, top, columns, frames: list }, pictures };
}

/** A sample of held-out frames, and the training frames next to them, which show about the same. */
function chooseViews({ frames, train_filenames, test_filenames }: Transforms) {
  const training = frames.filter(({ file_path }) => train_filenames.includes(file_path));
  const heldOut = evenly(
    frames.filter(({ file_path }) => test_filenames.includes(file_path)),
    MAX_HELD_OUT,
  );
  if (heldOut.length === 0) return { heldOut, training: evenly(training, TRAINING_WITHOUT_HELD_OUT) };
  const order = new Map(frames.map((frame, index) => [frame, index]));
  const neighbours = heldOut.flatMap((frame) => {
    const at = order.get(frame) ?? 0;
    const before = training.findLast((other) => (order.get(other) ?? 0) < at);
    const after = training.find((other) => (order.get(other) ?? 0) > at);
    return [before, after].filter((other) => other !== undefined);
  });
  return { heldOut, training: [...new Set(neighbours)] };
}

function meanColourOf({ pixels }: Photo): Uint8Array {
  const sums = [0, 0, 0];
  pixels.forEach((value, i) => {
    sums[i % 3] = (sums[i % 3] ?? 0) + value;
  });
  return pixels.map((_, i) => Math.round((3 * (sums[i % 3] ?? 0)) / pixels.length));
}

/** Shift of the 8 × 8 block grid, in pixels, so that encoding the photo again loses as much as the first time. */
const GRID_SHIFT = 4;

/**
 * How much the photo's JPEG encoder loses: the PSNR of the photo encoded again, off its block grid, at the size of
 * training. No model can be closer to the photo than the photo is to the scene.
 */
async function jpegCeiling(file: string, trainedWidth: number): Promise<number | null> {
  const bytes = await readFile(file);
  const quality = jpegQuality(bytes);
  if (quality === null) return null;
  const { width, height } = await sharp(bytes).metadata();
  const region = {
    left: GRID_SHIFT,
    top: GRID_SHIFT,
    width: width - GRID_SHIFT,
    height: height - GRID_SHIFT,
  };
  const original = await sharp(bytes).extract(region).png().toBuffer();
  const encoded = await sharp(original).jpeg({ quality, chromaSubsampling: "4:2:0" }).toBuffer();
  const trained = (image: Buffer) =>
    sharp(image)
      .removeAlpha()
      .resize({ width: Math.min(trainedWidth, region.width) })
      .raw()
      .toBuffer();
  const [pixels, other] = await Promise.all([trained(original), trained(encoded)]);
  return psnr({ pixels, valid: new Uint8Array(pixels.length / 3).fill(1) }, other);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

parentPort?.postMessage(await compareViews(workerData as ComparisonTask));
