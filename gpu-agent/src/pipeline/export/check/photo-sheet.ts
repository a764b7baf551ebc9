import { readdir } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { SplatRenderer } from "@splatt/cpu-trainer/rendering";
import { lensOf, type PosedFrame, type SplatCloud, type Transforms } from "@splatt/formats";
import type { ContactSheet, PhotoSheet } from "@splatt/shared";
import sharp, { type OverlayOptions } from "sharp";
import { evenly } from "../../evenly.ts";
import type { ComparisonTask } from "./comparison-task.ts";
import { cameraOf, fittedTo, loadPhoto, type Photo, psnr, type Size, sizeWithin } from "./photo.ts";

/** The sheet: how many held-out frames it has at most, and the longer side of its pictures in pixels. */
const MAX_SHEET_ROWS = 8;
export const SHEET_SIDE = 480;
/** The contact sheet below them: how many frames it has at most, and about how wide each is in pixels. */
const MAX_CONTACTS = 48;
const CONTACT_WIDTH = 120;

/** A held-out photo, and the splat from the same camera. */
export interface ComparedView {
  readonly frame: PosedFrame;
  readonly size: Size;
  readonly photo: Photo;
  readonly rendering: Uint8Array;
  /** In dB. */
  readonly psnr: number;
}

export function compensated(
  { exposureVaries }: Pick<ComparisonTask, "exposureVaries">,
  photo: Photo,
  rendering: Uint8Array,
): Uint8Array {
  return exposureVaries ? fittedTo(photo, rendering) : rendering;
}

/** Renders the splat from the cameras of some held-out frames. */
export async function compareHeldOut(
  task: ComparisonTask,
  cloud: SplatCloud,
  transforms: Transforms,
): Promise<ComparedView[]> {
  const heldOut = evenly(
    transforms.frames.filter(({ file_path }) => transforms.test_filenames.includes(file_path)),
    MAX_SHEET_ROWS,
  );
  const renderer = new SplatRenderer(cloud, { width: SHEET_SIDE, height: SHEET_SIDE });
  const views: ComparedView[] = [];
  for (const frame of heldOut) {
    const lens = lensOf(transforms, frame);
    const size = sizeWithin(lens, SHEET_SIDE);
    const photo = await loadPhoto(join(task.photosDir, frame.file_path), lens, size);
    const rendering = compensated(task, photo, renderer.render(cameraOf(frame, lens, size)));
    views.push({ frame, size, photo, rendering, psnr: psnr(photo, rendering) });
  }
  return views;
}

/**
 * Writes one picture with a row for each held-out frame: the photo on the left, the splat from the same camera on
 * the right. Below them are the frames of the whole capture. One file, because each file of a job costs requests and
 * rows.
 */
export async function writePhotoSheet(
  { sheetFile, photosDir }: Pick<ComparisonTask, "sheetFile" | "photosDir">,
  transforms: Transforms,
  views: readonly ComparedView[],
): Promise<PhotoSheet> {
  const sizes =
    views.length > 0
      ? views.map(({ size }) => size)
      : transforms.frames.map((frame) => sizeWithin(lensOf(transforms, frame), SHEET_SIDE));
  const width = Math.max(...sizes.map((size) => size.width));
  const height = Math.max(...sizes.map((size) => size.height));
  const pictures = views.flatMap(({ size, photo, rendering }, index): OverlayOptions[] => {
    const raw = { ...size, channels: 3 } as const;
    // Photos of other shapes are centred in their cell.
    const left = (width - size.width) >> 1;
    const top = index * height + ((height - size.height) >> 1);
    return [
      { input: Buffer.from(photo.pixels), raw, left, top },
      { input: Buffer.from(rendering), raw, left: width + left, top },
    ];
  });
  const contact = await contactSheet(photosDir, transforms, {
    width,
    height,
    top: views.length * height,
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
  const rows = views.map((view) => ({
    frame: basename(view.frame.file_path),
    psnr: Math.round(10 * view.psnr) / 10,
  }));
  return { file: basename(sheetFile), total, width, height, rows, contact: contact.sheet };
}

/** The frames of the capture in their order, small, and whether each has a camera. */
async function contactSheet(
  dir: string,
  { frames }: Transforms,
  { width, height, top }: { readonly width: number; readonly height: number; readonly top: number },
): Promise<{ readonly sheet: ContactSheet; readonly pictures: OverlayOptions[] }> {
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
