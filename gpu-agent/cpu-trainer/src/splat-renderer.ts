import { type SplatCloud, selectGaussians } from "@splatt/formats/splats";
import type { PinholeCamera } from "./dataset/camera.ts";
import type { ImageSize } from "./dataset/downscale.ts";
import type { FrameStore } from "./dataset/frame-stores.ts";
import { planFrameStores } from "./dataset/frame-stores.ts";
import { compileKernels, createMemory } from "./kernels/kernels.ts";
import { PLANE_MARGIN, planeStrideBytes, planMemory, UNIFORM } from "./kernels/memory-layout.ts";
import { PASSES } from "./loop/passes.ts";
import { createControlBlock, ThreadTeam } from "./loop/thread-team.ts";
import { sigmoid } from "./scene/gaussians.ts";
import { fromSplatCloud } from "./scene/splat-conversion.ts";
import { tileGrid } from "./scene/tiles.ts";
import { openWorkspace, setView, type Workspace } from "./scene/workspace.ts";
import { MAX_CAPACITY } from "./training-settings.ts";

/** The passes of an iteration that produce a picture. */
const RENDERING = PASSES.slice(0, PASSES.indexOf("ssim"));

/** Renders a splat of any engine with the builtin trainer's kernels. Blocks its thread. */
export class SplatRenderer {
  readonly #workspace: Workspace;
  readonly #store: FrameStore;
  readonly #team: ThreadTeam;
  readonly #count: number;
  readonly #shDegree: number;

  /** @param size of the largest pictures, in pixels */
  constructor(cloud: SplatCloud, size: ImageSize) {
    const drawn = mostVisible(cloud, MAX_CAPACITY);
    const { shDegree, count } = drawn;
    const { bytes: frameBytes } = planFrameStores([size], 1, 0);
    const layout = planMemory({ capacity: count, shDegree, ...size, threads: 1, frameBytes });
    this.#workspace = openWorkspace(createMemory(layout), compileKernels(layout), layout);
    this.#store = planFrameStores([size], 1, layout.frames).stores[0] as FrameStore;
    this.#team = new ThreadTeam(createControlBlock(), this.#workspace, 0);
    this.#count = count;
    this.#shDegree = shDegree;
    fromSplatCloud(this.#workspace, drawn);
    // Without a photo, all pixels are valid.
    const { validMask, stride, height } = this.#store;
    new Uint8Array(this.#workspace.memory.buffer, validMask, stride * height).fill(255);
  }

  /**
   * @param camera for pictures of at most the renderer's size
   * @returns rgb24, row by row, on a black background
   */
  render(camera: PinholeCamera): Uint8Array {
    const { width, height } = camera;
    setView(this.#workspace, camera, this.#store, 0);
    this.#workspace.uniforms.floats.fill(0, UNIFORM.background, UNIFORM.background + 3);
    const grid = tileGrid(width, height);
    this.#team.run(RENDERING, { count: this.#count, shDegree: this.#shDegree, height, grid });
    return this.#pixels({ width, height });
  }

  #pixels({ width, height }: ImageSize): Uint8Array {
    const { memory, layout } = this.#workspace;
    const stride = planeStrideBytes(width) / 4;
    const pixels = new Uint8ClampedArray(3 * width * height);
    for (let channel = 0; channel < 3; channel++) {
      const plane = new Float32Array(memory.buffer, layout.rendered + channel * layout.planeBytes);
      for (let y = 0; y < height; y++) {
        const row = (y + PLANE_MARGIN) * stride + PLANE_MARGIN;
        for (let x = 0; x < width; x++) {
          pixels[3 * (y * width + x) + channel] = 255 * (plane[row + x] as number);
        }
      }
    }
    return new Uint8Array(pixels.buffer);
  }
}

/** The `most` most visible gaussians, by opacity times the area of their largest cross-section. */
export function mostVisible(cloud: SplatCloud, most: number): SplatCloud {
  if (cloud.count <= most) return cloud;
  const weights = Float64Array.from({ length: cloud.count }, (_, i) => {
    const scales = [0, 1, 2].map((axis) => cloud.logScales[3 * i + axis] as number);
    const area = Math.exp(scales.reduce((sum, scale) => sum + scale, 0) - Math.min(...scales));
    return area * sigmoid(cloud.opacities[i] as number);
  });
  const least = weights.toSorted()[cloud.count - most] as number;
  const chosen = Array.from(weights.keys()).filter((i) => (weights[i] as number) >= least);
  return selectGaussians(cloud, chosen.slice(0, most));
}
