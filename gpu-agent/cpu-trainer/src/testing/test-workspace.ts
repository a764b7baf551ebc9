import type { PinholeCamera } from "../dataset/camera.ts";
import type { FrameStore } from "../dataset/frame-stores.ts";
import { planFrameStores } from "../dataset/frame-stores.ts";
import { compileKernels, createMemory } from "../kernels/kernels.ts";
import {
  CHUNK,
  PARAM,
  PLANE_MARGIN,
  planeStrideBytes,
  planMemory,
  UNIFORM,
} from "../kernels/memory-layout.ts";
import { type Pass, runTask, taskCount } from "../loop/passes.ts";
import { clearTileCounts, tileGrid } from "../scene/tiles.ts";
import { openWorkspace, setView, type Workspace } from "../scene/workspace.ts";
import type { ParamTable, Planes } from "./reference-renderer.ts";

/** A workspace for one photo and a camera, on this thread alone. */
export interface TestWorkspace {
  readonly workspace: Workspace;
  readonly store: FrameStore;
  readonly camera: PinholeCamera;
  readonly count: number;
  readonly shDegree: number;
}

/**
 * @param params the gaussians; the slots after them are empty
 * @param photo values 0–1, kept as bytes
 * @param valid not 0 where the photo has a valid pixel; all valid when it is left out
 */
export function testWorkspace(
  params: ParamTable,
  shDegree: number,
  camera: PinholeCamera,
  photo: Planes,
  valid?: Uint8Array,
): TestWorkspace {
  const { width, height } = camera;
  const count = params[0]?.length ?? 0;
  const size = { capacity: Math.max(CHUNK, count), shDegree, width, height, threads: 1 };
  const layout = planMemory({ ...size, frameBytes: planFrameStores([camera], 1, 0).bytes });
  const memory = createMemory(layout);
  const workspace = openWorkspace(memory, compileKernels(layout), layout);
  workspace.params.forEach((row, index) => {
    row.fill(index === PARAM.opacity ? -30 : 0);
    row.set(params[index] as Float64Array);
  });
  const [store] = planFrameStores([camera], 1, layout.frames).stores as [FrameStore];
  const bytes = new Uint8Array(memory.buffer);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      photo.forEach((plane, c) => {
        const value = Math.round(255 * (plane[y * width + x] as number));
        bytes[store.address + (c * height + y) * store.stride + x] = value;
      });
      bytes[store.validMask + y * store.stride + x] =
        valid === undefined ? 255 : (valid[y * width + x] as number);
    }
  }
  setView(workspace, camera, store, 0);
  return { workspace, store, camera, count, shDegree };
}

/** Runs passes in order, all of their tasks one after another. @returns how many gaussians are visible */
export function runPasses(
  { workspace, camera, count, shDegree }: TestWorkspace,
  passes: readonly Pass[],
): number {
  const iteration = { count, shDegree, height: camera.height, grid: tileGrid(camera.width, camera.height) };
  clearTileCounts(workspace.tiles);
  let visible = 0;
  for (const pass of passes) {
    for (let task = 0; task < taskCount(pass, iteration); task++) {
      visible += runTask(workspace, pass, task, 0, iteration, visible);
    }
  }
  return visible;
}

export function setLossWeights({ workspace }: TestWorkspace, ssimWeight: number): void {
  workspace.uniforms.floats[UNIFORM.l1Weight] = 1 - ssimWeight;
  workspace.uniforms.floats[UNIFORM.ssimWeight] = ssimWeight;
}

/** The pixels of the three planes at an address, without their margins. */
export function readPlanes({ workspace, camera }: TestWorkspace, address: number): Float32Array[] {
  return [0, 1, 2].map((channel) => {
    const plane = planePixels(workspace, camera, address + channel * workspace.layout.planeBytes);
    return Float32Array.from({ length: camera.width * camera.height }, (_, i) => plane.at(i) as number);
  });
}

/** Writes pixels to the three planes at an address. */
export function writePlanes({ workspace, camera }: TestWorkspace, address: number, planes: Planes): void {
  planes.forEach((values, channel) => {
    const plane = planePixels(workspace, camera, address + channel * workspace.layout.planeBytes);
    values.forEach((value, i) => {
      plane.set(i, value);
    });
  });
}

function planePixels({ memory, layout }: Workspace, { width, height }: PinholeCamera, address: number) {
  const stride = planeStrideBytes(width) / 4;
  const floats = new Float32Array(memory.buffer, address, layout.planeBytes / 4);
  const index = (i: number) => (Math.floor(i / width) + PLANE_MARGIN) * stride + (i % width) + PLANE_MARGIN;
  if (height <= 0) throw new RangeError("An image has rows");
  return {
    at: (i: number) => floats[index(i)],
    set: (i: number, value: number) => {
      floats[index(i)] = value;
    },
  };
}
