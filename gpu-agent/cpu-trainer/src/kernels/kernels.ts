/// <reference path="../wasm/webassembly.d.ts" />
import { err, errorText, ok, type Result } from "@splatt/shared/outcomes";
import { ConstantPool } from "../wasm/constant-pool.ts";
import { encodeModule, type FunctionCode } from "../wasm/module-encoder.ts";
import { adamKernel } from "./adam.ts";
import { blendBackwardKernel } from "./blending-backward.ts";
import { blendKernel } from "./blending-forward.ts";
import { loadTargetKernel, lossBackwardKernel, ssimKernel } from "./loss.ts";
import { CONSTANT_BYTES, type MemoryLayout, planMemory } from "./memory-layout.ts";
import { projectionKernel } from "./projection.ts";
import { projectionBackwardKernel } from "./projection-backward.ts";
import { binTilesKernel, countPairsKernel } from "./tiling.ts";

/** The compute kernels, bound to one shared memory. See the files of these names. */
export interface Kernels {
  /** One for each degree of spherical harmonics, 0 … layout.shDegree; so are those below. */
  readonly project: readonly ((first: number, end: number) => void)[];
  readonly projectBackward: readonly ((first: number, end: number, gradients: number) => void)[];
  readonly adam: readonly ((first: number, end: number, gradients: number) => void)[];
  countPairs(count: number): void;
  binTiles(firstRank: number, count: number, step: number, cursors: number, shift: number): void;
  blend(tile: number, state: number): void;
  blendBackward(tile: number, state: number): void;
  loadTarget(firstRow: number, endRow: number): void;
  ssim(firstRow: number, endRow: number, scratch: number): void;
  lossBackward(firstRow: number, endRow: number, scratch: number): void;
}

const PAGE_BYTES = 64 * 1024;

/** Whether this JavaScript engine supports WebAssembly SIMD and Relaxed SIMD (Node 22 and newer). */
export function checkKernels(): Result<void, string> {
  const tiny = { capacity: 1, shDegree: 0, width: 1, height: 1, threads: 1, frameBytes: 0 };
  try {
    compileKernels(planMemory(tiny));
    return ok(undefined);
  } catch (error) {
    return err(errorText(error));
  }
}

/** The memory that the kernels and all threads share. Untouched pages use no physical memory. */
export function createMemory(layout: MemoryLayout): WebAssembly.Memory {
  const pages = Math.ceil(layout.totalBytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

export function compileKernels(layout: MemoryLayout): WebAssembly.Module {
  const degrees = Array.from({ length: layout.shDegree + 1 }, (_, degree) => degree);
  const constants = new ConstantPool(layout.constants, CONSTANT_BYTES);
  const functions: FunctionCode[] = [
    ...degrees.map((degree) => projectionKernel(layout, constants, degree)),
    ...degrees.map((degree) => projectionBackwardKernel(layout, constants, degree)),
    ...degrees.map((degree) => adamKernel(layout, constants, degree)),
    countPairsKernel(layout, constants),
    binTilesKernel(layout, constants),
    blendKernel(layout, constants),
    blendBackwardKernel(layout, constants),
    loadTargetKernel(layout, constants),
    ssimKernel(layout, constants),
    lossBackwardKernel(layout, constants),
  ];
  const pages = Math.ceil(layout.totalBytes / PAGE_BYTES);
  const data = { address: constants.address, bytes: constants.bytes() };
  return new WebAssembly.Module(encodeModule(functions, { initialPages: pages, maximumPages: pages }, data));
}

export function bindKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  layout: MemoryLayout,
): Kernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  // compileKernels made the module, so the exports exist and match the interface.
  const kernel = <T>(name: string) => exports[name] as T;
  const perDegree = <T>(name: string) =>
    Array.from({ length: layout.shDegree + 1 }, (_, degree) => kernel<T>(`${name}${degree}`));
  return {
    project: perDegree("project"),
    projectBackward: perDegree("projectBackward"),
    adam: perDegree("adam"),
    countPairs: kernel("countPairs"),
    binTiles: kernel("binTiles"),
    blend: kernel("blend"),
    blendBackward: kernel("blendBackward"),
    loadTarget: kernel("loadTarget"),
    ssim: kernel("ssim"),
    lossBackward: kernel("lossBackward"),
  };
}
