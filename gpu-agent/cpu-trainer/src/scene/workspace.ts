import type { PinholeCamera } from "../dataset/camera.ts";
import type { Rgb } from "../dataset/exposure.ts";
import type { FrameStore } from "../dataset/frame-stores.ts";
import { bindKernels, type Kernels } from "../kernels/kernels.ts";
import {
  CAMERA_SUMS,
  CHUNK,
  type MemoryLayout,
  paramRows,
  planeStrideBytes,
  UNIFORM,
} from "../kernels/memory-layout.ts";
import { type BlendingLimits, FULL_BLENDING } from "../kernels/projection.ts";
import { type TileArrays, type TileGrid, tileArrays, tileGrid } from "./tiles.ts";

/** One thread's means for training: the kernels and views of the shared memory. */
export interface Workspace {
  readonly layout: MemoryLayout;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
  readonly tiles: TileArrays;
  readonly uniforms: { readonly floats: Float32Array; readonly ints: Int32Array };
  /** The rows of the parameter table. */
  readonly params: readonly Float32Array[];
  readonly moments1: readonly Float32Array[];
  readonly moments2: readonly Float32Array[];
  readonly errorSum: Float32Array;
  readonly weightSum: Float32Array;
  readonly rowSums: Float32Array;
  /** Not 0 where a gaussian was projected. */
  readonly visible: Int32Array;
  readonly cameraSums: Float32Array;
}

export function openWorkspace(
  memory: WebAssembly.Memory,
  module: WebAssembly.Module,
  layout: MemoryLayout,
): Workspace {
  const floats = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  const table = (address: number) =>
    Array.from({ length: paramRows(layout.shDegree) }, (_, row) =>
      floats(address + row * layout.rowStride, layout.capacity),
    );
  const uniformCount = (layout.params - layout.uniforms) / 4;
  return {
    layout,
    memory,
    kernels: bindKernels(module, memory, layout),
    tiles: tileArrays(memory.buffer, layout),
    uniforms: {
      floats: floats(layout.uniforms, uniformCount),
      ints: new Int32Array(memory.buffer, layout.uniforms, uniformCount),
    },
    params: table(layout.params),
    moments1: table(layout.moments1),
    moments2: table(layout.moments2),
    errorSum: floats(layout.errorSum, layout.capacity),
    weightSum: floats(layout.weightSum, layout.capacity),
    rowSums: floats(layout.rowSums, (layout.cameraSums - layout.rowSums) / 4),
    visible: new Int32Array(memory.buffer, layout.visible, layout.capacity),
    cameraSums: floats(layout.cameraSums, (layout.capacity / CHUNK) * CAMERA_SUMS),
  };
}

/**
 * The limit of |x/z| and |y/z| in the Jacobian, as a multiple of the image's half size. Without a bound,
 * gaussians that graze the camera's side would project to absurd sizes.
 */
const JACOBIAN_MARGIN = 1.3;

export interface ViewOptions {
  /** Of the frame's exposure, which its photo is divided by. */
  readonly gain?: Rgb | undefined;
  readonly limits?: BlendingLimits;
}

/** Points the kernels at a camera and a frame of its size. */
export function setView(
  workspace: Workspace,
  camera: PinholeCamera,
  store: FrameStore,
  frame: number,
  { gain = [1, 1, 1], limits = FULL_BLENDING }: ViewOptions = {},
): void {
  const { floats, ints } = workspace.uniforms;
  floats.set(camera.rotation, UNIFORM.viewRotation);
  floats.set(camera.translation, UNIFORM.viewTranslation);
  floats.set(camera.position, UNIFORM.cameraPosition);
  floats[UNIFORM.focalX] = camera.focalX;
  floats[UNIFORM.focalY] = camera.focalY;
  floats[UNIFORM.centerX] = camera.centerX;
  floats[UNIFORM.centerY] = camera.centerY;
  floats[UNIFORM.limitX] = (JACOBIAN_MARGIN * camera.width) / (2 * camera.focalX);
  floats[UNIFORM.limitY] = (JACOBIAN_MARGIN * camera.height) / (2 * camera.focalY);
  floats[UNIFORM.widthF32] = camera.width;
  floats[UNIFORM.heightF32] = camera.height;
  ints[UNIFORM.width] = camera.width;
  ints[UNIFORM.height] = camera.height;
  const grid = tileGrid(camera.width, camera.height);
  ints[UNIFORM.tileColumns] = grid.columns;
  ints[UNIFORM.tileRows] = grid.rows;
  ints[UNIFORM.planeStride] = planeStrideBytes(camera.width);
  ints[UNIFORM.frameStride] = store.stride;
  const planeBytes = store.stride * store.height;
  for (let channel = 0; channel < 3; channel++) {
    ints[UNIFORM.frame + channel] = store.address + (3 * frame + channel) * planeBytes;
  }
  ints[UNIFORM.validMask] = store.validMask;
  floats.set(
    gain.map((value) => 1 / (255 * value)),
    UNIFORM.photoScale,
  );
  floats[UNIFORM.minAlpha] = limits.minAlpha;
  floats[UNIFORM.logMinAlpha] = Math.log2(limits.minAlpha);
  floats[UNIFORM.minTransmittance] = limits.minTransmittance;
}

/** Zeroes the image planes, whose margins must be zero. Call when the image's size changes. */
export function clearPlanes(workspace: Workspace): void {
  const { layout, memory } = workspace;
  new Uint8Array(memory.buffer, layout.rendered, layout.threadScratch - layout.rendered).fill(0);
}

/** The settings of an iteration that the threads share in addition to the uniforms. */
export interface Iteration {
  /** Gaussians in use. */
  readonly count: number;
  readonly shDegree: number;
  readonly height: number;
  readonly grid: TileGrid;
}
