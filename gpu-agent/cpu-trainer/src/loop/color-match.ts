import type { Rgb } from "../dataset/exposure.ts";
import type { FrameStore } from "../dataset/frame-stores.ts";
import { PLANE_MARGIN, planeStrideBytes, UNIFORM } from "../kernels/memory-layout.ts";
import type { Workspace } from "../scene/workspace.ts";

/** A photo's byte from which on the sensor may have cut off the colour. */
const SATURATED = 250;

/**
 * The factor for each channel that makes the rendering in the workspace most like its photo, by least squares over the
 * valid pixels that are not saturated.
 *
 * @param step from one of the pixels used to the next, in both directions
 */
export function colorRatio(workspace: Workspace, store: FrameStore, step: number): Rgb {
  return perChannel((channel) => {
    const saturated = SATURATED * (workspace.uniforms.floats[UNIFORM.photoScale + channel] as number);
    let products = 0;
    let squares = 0;
    forEachValid(workspace, store, channel, step, (rendered, photo) => {
      if (photo >= saturated) return;
      products += rendered * photo;
      squares += rendered * rendered;
    });
    const ratio = products / squares;
    return ratio > 0 && Number.isFinite(ratio) ? ratio : 1;
  });
}

/** The PSNR of the rendering in the workspace once its channels are multiplied by `ratio`, in decibels. */
export function correctedPsnr(workspace: Workspace, store: FrameStore, ratio: Rgb): number {
  let squares = 0;
  let values = 0;
  for (const channel of [0, 1, 2] as const) {
    forEachValid(workspace, store, channel, 1, (rendered, photo) => {
      squares += (Math.min(1, rendered * ratio[channel]) - photo) ** 2;
      values++;
    });
  }
  return -10 * Math.log10(squares / values);
}

function forEachValid(
  { memory, layout }: Workspace,
  { width, height, stride, validMask }: FrameStore,
  channel: number,
  step: number,
  visit: (rendered: number, photo: number) => void,
): void {
  const planeRow = planeStrideBytes(width) / 4;
  const plane = (address: number) =>
    new Float32Array(memory.buffer, address + channel * layout.planeBytes, layout.planeBytes / 4);
  const [rendered, photo] = [plane(layout.rendered), plane(layout.target)];
  const valid = new Uint8Array(memory.buffer, validMask, stride * height);
  for (let y = 0; y < height; y += step) {
    const row = (y + PLANE_MARGIN) * planeRow + PLANE_MARGIN;
    for (let x = 0; x < width; x += step) {
      if (valid[y * stride + x] === 0) continue;
      visit(rendered[row + x] as number, photo[row + x] as number);
    }
  }
}

function perChannel(value: (channel: 0 | 1 | 2) => number): Rgb {
  return [value(0), value(1), value(2)];
}
