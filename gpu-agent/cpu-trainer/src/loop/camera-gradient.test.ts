import { describe, expect, it } from "vitest";
import { type GradientScene, gradientScene, kernelCameraGradient } from "../testing/gradient-scene.ts";
import { lossReference, renderReference } from "../testing/reference-renderer.ts";
import { cameraInPose, givenPose, movedPose } from "./frame-poses.ts";

const SSIM_WEIGHT = 0.2;
/** So small that no pixel comes to lie inside or outside of a gaussian, at whose edge the loss jumps. */
const STEP = 1e-6;

/** The loss with the camera moved along one of its six degrees of freedom: turns, then shifts. */
function lossMoved(
  { params, degree, camera, background, photo }: GradientScene,
  along: number,
  step: number,
) {
  const part = (i: number) => (i === along ? step : 0);
  const pose = movedPose(givenPose(camera), [part(0), part(1), part(2)], [part(3), part(4), part(5)]);
  const rendered = renderReference(params, degree, cameraInPose(camera, pose), background);
  return lossReference(rendered, photo, camera.width, camera.height, SSIM_WEIGHT);
}

describe.each([0, 1, 3])("the gradient of the camera, with spherical harmonics of degree %i", (degree) => {
  it("is that of finite differences", () => {
    const scene = gradientScene(degree);
    const numeric = [0, 1, 2, 3, 4, 5].map(
      (along) => (lossMoved(scene, along, STEP) - lossMoved(scene, along, -STEP)) / (2 * STEP),
    );
    const analytic = kernelCameraGradient(scene, SSIM_WEIGHT);
    const size = Math.hypot(...numeric);
    expect(size).toBeGreaterThan(1e-4);
    for (const [i, value] of numeric.entries()) {
      expect.soft(Math.abs((analytic[i] ?? 0) - value) / size, `part ${i}`).toBeLessThan(2e-4);
    }
  });
});
