import { describe, expect, it } from "vitest";
import { pinholeCamera } from "../dataset/camera.ts";
import { imageMetrics } from "../loop/metrics.ts";
import { Random } from "../scene/random.ts";
import { tilted } from "../testing/gradient-scene.ts";
import { lossReference, type Planes, ssimSum } from "../testing/reference-renderer.ts";
import {
  readPlanes,
  runPasses,
  setLossWeights,
  type TestWorkspace,
  testWorkspace,
  writePlanes,
} from "../testing/test-workspace.ts";

const [WIDTH, HEIGHT] = [23, 14];
const camera = pinholeCamera(
  { width: WIDTH, height: HEIGHT, focalX: 20, focalY: 20, centerX: 11, centerY: 7 },
  tilted(0, 0),
);

/** Distinct random pictures; values are whole bytes. */
function picture(seed: number): Planes {
  const random = new Random(seed);
  return [0, 1, 2].map((c) =>
    Float64Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
      const smooth = 0.5 + 0.3 * Math.sin((i % WIDTH) / 4 + c + seed);
      return Math.round(255 * (smooth + 0.2 * random.next())) / 255;
    }),
  ) as unknown as Planes;
}

/** The loss kernels on a given rendering instead of gaussians. */
function compare(rendered: Planes, photo: Planes, ssimWeight: number, valid?: Uint8Array): TestWorkspace {
  const noGaussians = Array.from({ length: 14 }, () => new Float64Array(0));
  const test = testWorkspace(noGaussians, 0, camera, photo, valid);
  setLossWeights(test, ssimWeight);
  runPasses(test, ["project", "sort"]);
  writePlanes(test, test.workspace.layout.rendered, rendered);
  runPasses(test, ["ssim", "lossBackward"]);
  return test;
}

describe.each([
  ["L1 alone", 0],
  ["SSIM alone", 1],
  ["both", 0.2],
])("%s", (_, ssimWeight) => {
  const [rendered, photo] = [picture(1), picture(2)];
  const test = compare(rendered, photo, ssimWeight);

  it("is the reference's loss", () => {
    const { l1, ssim } = imageMetrics(test.workspace.rowSums, test.store);
    const loss = (1 - ssimWeight) * l1 + ssimWeight * (1 - ssim);
    expect(loss).toBeCloseTo(lossReference(rendered, photo, WIDTH, HEIGHT, ssimWeight), 6);
  });

  it("has the gradient of the reference, at the image's borders too", () => {
    const gradient = readPlanes(test, test.workspace.layout.gradient);
    const places = [
      0,
      3,
      WIDTH - 1,
      5 * WIDTH,
      6 * WIDTH + 11,
      WIDTH * HEIGHT - 1,
      (HEIGHT - 3) * WIDTH + 20,
    ];
    for (const c of [0, 1, 2] as const) {
      for (const i of places) {
        const lossAt = (step: number) => {
          const moved = rendered.map((plane, channel) =>
            channel === c ? plane.map((value, at) => (at === i ? value + step : value)) : plane,
          ) as unknown as Planes;
          return lossReference(moved, photo, WIDTH, HEIGHT, ssimWeight);
        };
        const numeric = (lossAt(1e-5) - lossAt(-1e-5)) / 2e-5;
        expect.soft((gradient[c] as Float32Array)[i], `pixel ${i} of ${c}`).toBeCloseTo(numeric, 7);
      }
    }
  });
});

it("measures PSNR and SSIM over the valid pixels", () => {
  const [rendered, photo] = [picture(1), picture(2)];
  const valid = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < 12 ? 1 : 0));
  // Beyond column 12 the renderer copies the photo; so does this test.
  const patched = rendered.map((plane, c) =>
    plane.map((value, i) => (valid[i] === 1 ? value : ((photo[c] as Float64Array)[i] as number))),
  ) as unknown as Planes;
  const test = compare(patched, photo, 0.2, valid);
  const { psnr, ssim } = imageMetrics(test.workspace.rowSums, test.store);

  const counted = 3 * 12 * HEIGHT;
  let squared = 0;
  let ssimTotal = 0;
  for (const c of [0, 1, 2] as const) {
    patched[c].forEach((value, i) => {
      squared += (value - (photo[c][i] as number)) ** 2;
    });
    // Where both pictures are the same, SSIM is 1 but for the window's reach over the valid pixels.
    ssimTotal += ssimSum(patched[c], photo[c], WIDTH, HEIGHT);
  }
  expect(psnr).toBeCloseTo(-10 * Math.log10(squared / counted), 3);
  expect(ssim).toBeLessThan(ssimTotal / (3 * WIDTH * HEIGHT));
  const gradient = readPlanes(test, test.workspace.layout.gradient);
  expect(gradient.flatMap((plane) => [...plane].filter((value, i) => valid[i] === 0 && value !== 0))).toEqual(
    [],
  );
});
