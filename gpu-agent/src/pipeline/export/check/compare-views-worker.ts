import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { SplatRenderer } from "@splatt/cpu-trainer/rendering";
import { lensOf, type PosedFrame, readShPly, readTransforms, type Transforms } from "@splatt/formats";
import type { Coverage } from "@splatt/shared";
import sharp from "sharp";
import { evenly } from "../../evenly.ts";
import { readModel } from "../../poses/model-files.ts";
import { type CoverageView, measureCoverage } from "../coverage/measure-coverage.ts";
import type { ComparisonTask } from "./comparison-task.ts";
import { deductions, GOOD } from "./deductions.ts";
import type { ViewComparison } from "./doubt-psnr.ts";
import { jpegQuality } from "./jpeg-quality.ts";
import { isOccluded, pointsInCells } from "./occluded-frames.ts";
import { cameraOf, fittedTo, loadPhoto, type Photo, psnr, sizeWithin } from "./photo.ts";
import {
  type ComparedView,
  compareHeldOut,
  compensated,
  SHEET_SIDE,
  writePhotoSheet,
} from "./photo-sheet.ts";

/** The longer one, in pixels. */
const SIDE = 320;
const MAX_HELD_OUT = 4;
const TRAINING_WITHOUT_HELD_OUT = 6;
/** Training frames in which something is looked for that hides the scene. */
const MAX_OCCLUDED = 24;
/** dB: the engine's own figure, which the verdict prefers, differs by less from what is measured here. */
const MARGIN = 3;
/**
 * dB by which training views must be better than held-out ones. A splat that is as wrong at its own views is blurred or
 * trained too little: its colours differ from the photos' everywhere.
 */
const MIN_GAP = 3;
/** Cameras named that see most of what is badly covered. */
const MAX_NAMED = 2;

async function compareViews(task: ComparisonTask): Promise<ViewComparison> {
  const cloud = await readShPly(task.splatFile);
  if (!cloud.ok) throw new Error(cloud.error);
  const transforms = await readTransforms(task.transformsFile);
  const renderer = new SplatRenderer(cloud.value, { width: SIDE, height: SIDE });
  const { heldOut, training } = chooseViews(transforms);
  const photoFile = ({ file_path }: PosedFrame) => join(task.photosDir, file_path);

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
  const compared = await compareHeldOut(task, cloud.value, transforms);
  const coverage = measureCoverage(cloud.value, coverageViews(transforms, compared));
  await writeFile(task.coverageFile, `${JSON.stringify(coverage)}\n`);
  const measured = {
    heldOut: held.length === 0 ? null : mean(held.map(({ rendered }) => rendered)),
    training: mean(trained.map(({ rendered }) => rendered)),
    meanColour: mean(trained.map(({ meanColour }) => meanColour)),
  };
  const { gap, excess, contrastLack } = deductions(measured);
  const isGood = measured.heldOut !== null && measured.heldOut - excess - contrastLack >= GOOD + MARGIN;
  return {
    ...measured,
    jpegCeiling: first === undefined ? null : await jpegCeiling(photoFile(first), task.trainedWidth),
    // It takes as long as all else, and explains what a good splat does not have.
    occluded:
      isGood || gap < MIN_GAP ? { frames: 0, of: 0 } : await countOccluded(task, transforms, renderer),
    sheet: await writePhotoSheet(task, transforms, compared),
    coverage: summaryOf(coverage),
  };
}

async function countOccluded(
  { photosDir }: ComparisonTask,
  transforms: Transforms,
  renderer: SplatRenderer,
): Promise<ViewComparison["occluded"]> {
  const model = await readModel(join(photosDir, "colmap", "sparse", "0"));
  if (!model.ok) return { frames: 0, of: 0 };
  const pointsOf = pointsInCells(model.value);
  const training = evenly(trainingFrames(transforms), MAX_OCCLUDED);
  let occluded = 0;
  for (const frame of training) {
    const points = pointsOf(basename(frame.file_path));
    if (points === null) continue;
    const lens = lensOf(transforms, frame);
    const size = sizeWithin(lens, SIDE);
    const photo = await loadPhoto(join(photosDir, frame.file_path), lens, size);
    const rendering = fittedTo(photo, renderer.render(cameraOf(frame, lens, size)));
    if (isOccluded(points, photo, rendering, size)) occluded++;
  }
  return { frames: occluded, of: training.length };
}

function trainingFrames({ frames, train_filenames }: Transforms): PosedFrame[] {
  return frames.filter(({ file_path }) => train_filenames.includes(file_path));
}

/** All cameras of the capture, with what the held-out ones among them show. */
function coverageViews(transforms: Transforms, compared: readonly ComparedView[]): CoverageView[] {
  const heldOut = new Set(transforms.test_filenames);
  const comparisons = new Map(compared.map((view) => [view.frame, view]));
  return transforms.frames.map((frame) => {
    const lens = lensOf(transforms, frame);
    return {
      frame: basename(frame.file_path),
      heldOut: heldOut.has(frame.file_path),
      camera: cameraOf(frame, lens, sizeWithin(lens, SHEET_SIDE)),
      compared: comparisons.get(frame) ?? null,
    };
  });
}

/** How much is badly covered, and which of the training cameras see the most of it. */
function summaryOf({ badly_covered, cameras }: Coverage): ViewComparison["coverage"] {
  const near = cameras
    .filter(({ held_out, badly_covered: bad }) => !held_out && bad > 0)
    .toSorted((a, b) => b.badly_covered * b.cells - a.badly_covered * a.cells)
    .slice(0, MAX_NAMED)
    .map(({ frame }) => frame);
  return { badlyCovered: badly_covered, near };
}

/** A sample of held-out frames, and the training frames next to them, which show about the same. */
function chooseViews(transforms: Transforms) {
  const { frames, test_filenames } = transforms;
  const training = trainingFrames(transforms);
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
