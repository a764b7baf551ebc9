import type { Matrix4 } from "@splatt/formats";
import { type PinholeCamera, pinholeCamera } from "../dataset/camera.ts";
import { GRADIENT_ROW_BYTES, PARAM, paramRows, UNIFORM } from "../kernels/memory-layout.ts";
import { FULL_BLENDING } from "../kernels/projection.ts";
import { cameraGradient } from "../loop/camera-gradient.ts";
import { CAMERA_PASS, PASSES } from "../loop/passes.ts";
import { Random } from "../scene/random.ts";
import { setView } from "../scene/workspace.ts";
import type { ParamTable, Planes } from "./reference-renderer.ts";
import {
  readPlanes,
  runPasses,
  setLossWeights,
  type TestWorkspace,
  testWorkspace,
} from "./test-workspace.ts";

/** A handful of gaussians in front of a camera, with a photo that differs from their rendering. */
export interface GradientScene {
  readonly degree: number;
  readonly params: ParamTable;
  readonly camera: PinholeCamera;
  readonly background: readonly [number, number, number];
  readonly photo: Planes;
}

// More than one tile across, and no multiple of anything.
const WIDTH = 37;
const HEIGHT = 13;
const GAUSSIANS = 7;

export function gradientScene(degree: number): GradientScene {
  const random = new Random(7);
  const params = Array.from({ length: paramRows(degree) }, () => new Float64Array(GAUSSIANS));
  const set = (row: number, i: number, value: number) => {
    (params[row] as Float64Array)[i] = Math.fround(value);
  };
  for (let i = 0; i < GAUSSIANS; i++) {
    const depth = 1.5 + random.next();
    set(PARAM.mean, i, (random.next() - 0.5) * depth);
    set(PARAM.mean + 1, i, (random.next() - 0.5) * 0.6 * depth);
    set(PARAM.mean + 2, i, -depth);
    for (let axis = 0; axis < 3; axis++) set(PARAM.logScale + axis, i, -2.6 + 1.2 * random.next());
    for (let part = 0; part < 4; part++) set(PARAM.rotation + part, i, random.normal());
    set(PARAM.opacity, i, -1 + 3 * random.next());
    for (let row: number = PARAM.sh; row < params.length; row++) {
      set(row, i, (row < PARAM.sh + 3 ? 0.8 : 0.25) * random.normal());
    }
  }
  // Half beyond the side of the image, where the Jacobian is clamped.
  set(PARAM.mean, 0, 1.5);
  set(PARAM.mean + 2, 0, -1.7);
  for (let axis = 0; axis < 3; axis++) set(PARAM.logScale + axis, 0, -1.2);
  const camera = pinholeCamera(
    { width: WIDTH, height: HEIGHT, focalX: 33, focalY: 31, centerX: 17.5, centerY: 11 },
    tilted(0.11, -0.07),
  );
  const photo = [0, 1, 2].map((c) =>
    Float64Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
      const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
      return (
        Math.round(
          255 * (0.5 + 0.2 * Math.sin(x / 3 + c) + 0.2 * Math.cos(y / 2 + x / 5) + 0.08 * random.next()),
        ) / 255
      );
    }),
  ) as unknown as Planes;
  return {
    degree,
    params,
    camera,
    background: [0.2, 0.1, 0.3].map(Math.fround) as [number, number, number],
    photo,
  };
}

/** A camera near the origin, turned by two angles, that looks along −z. */
export function tilted(a: number, b: number): Matrix4 {
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  return [
    [ca, sa * sb, sa * cb, 0.05],
    [0, cb, -sb, -0.03],
    [-sa, ca * sb, ca * cb, 0.02],
    [0, 0, 0, 1],
  ];
}

const FORWARD = PASSES.slice(0, PASSES.indexOf("ssim"));
const ALL_BUT_UPDATE = PASSES.slice(0, PASSES.indexOf("update"));

export function kernelRendering(scene: GradientScene, limits = FULL_BLENDING): Float32Array[] {
  const test = load(scene);
  setView(test.workspace, test.camera, test.store, 0, { limits });
  runPasses(test, FORWARD);
  return readPlanes(test, test.workspace.layout.rendered);
}

/** dL/dparameter, laid out like the parameters. */
export function kernelGradient(scene: GradientScene, ssimWeight: number): Float32Array[] {
  const test = load(scene);
  const { layout, kernels, memory } = test.workspace;
  setLossWeights(test, ssimWeight);
  runPasses(test, ALL_BUT_UPDATE);
  const gradients = layout.threadScratch + layout.chunkGradient;
  kernels.projectBackward[scene.degree]?.(0, Math.ceil(GAUSSIANS / 4) * 4, gradients);
  return scene.params.map((_, row) =>
    new Float32Array(memory.buffer, gradients + row * GRADIENT_ROW_BYTES, GAUSSIANS).slice(),
  );
}

/** dL/dω and dL/dt of the camera. */
export function kernelCameraGradient(scene: GradientScene, ssimWeight: number): Float64Array {
  const test = load(scene);
  setLossWeights(test, ssimWeight);
  runPasses(test, [...ALL_BUT_UPDATE, CAMERA_PASS]);
  return cameraGradient(test.workspace, GAUSSIANS);
}

function load({ params, degree, camera, photo, background }: GradientScene): TestWorkspace {
  const test = testWorkspace(params, degree, camera, photo);
  test.workspace.uniforms.floats.set(background, UNIFORM.background);
  return test;
}

/** Many gaussians of all sizes in front of and next to a camera with several tiles and a grey photo. */
export function crowdedScene(count: number, random: Random): Omit<GradientScene, "background" | "degree"> {
  const params = Array.from({ length: paramRows(0) }, () => new Float64Array(count));
  const set = (row: number, i: number, value: number) => {
    (params[row] as Float64Array)[i] = Math.fround(value);
  };
  for (let i = 0; i < count; i++) {
    const depth = 0.5 + 3 * random.next();
    set(PARAM.mean, i, 1.6 * (random.next() - 0.5) * depth);
    set(PARAM.mean + 1, i, 1.6 * (random.next() - 0.5) * depth);
    set(PARAM.mean + 2, i, -depth);
    for (let axis = 0; axis < 3; axis++) set(PARAM.logScale + axis, i, -5 + 3 * random.next());
    for (let part = 0; part < 4; part++) set(PARAM.rotation + part, i, random.normal());
    set(PARAM.opacity, i, -4 + 6 * random.next());
  }
  const [width, height] = [75, 150];
  const intrinsics = { width, height, focalX: 80, focalY: 90, centerX: 37, centerY: 74 };
  const grey = () => new Float64Array(width * height).fill(0.5);
  return { params, camera: pinholeCamera(intrinsics, tilted(0, 0)), photo: [grey(), grey(), grey()] };
}
