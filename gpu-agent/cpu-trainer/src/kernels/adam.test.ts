import { expect, it } from "vitest";
import { Random } from "../scene/random.ts";
import { gradientScene } from "../testing/gradient-scene.ts";
import { testWorkspace } from "../testing/test-workspace.ts";
import { CHUNK, GRADIENT_ROW_BYTES, PARAM, UNIFORM } from "./memory-layout.ts";

it("updates visible gaussians like Adam, and leaves the others unchanged", () => {
  const { params, camera, photo } = gradientScene(1);
  const { workspace, count } = testWorkspace(params, 1, camera, photo);
  const { layout, kernels, memory, tiles, uniforms } = workspace;
  const [beta1, beta2, rate] = [0.9, 0.999, 0.01];
  uniforms.floats[UNIFORM.beta1] = beta1;
  uniforms.floats[UNIFORM.beta2] = beta2;
  tiles.visible.fill(-1);
  tiles.visible[2] = 0;
  const gradients = layout.threadScratch + layout.chunkGradient;
  const random = new Random(3);
  const row = PARAM.sh + 5;
  const expected = Array.from(workspace.params[row] as Float32Array).slice(0, count);
  const [m, v] = [new Float64Array(count), new Float64Array(count)];
  for (let step = 1; step <= 5; step++) {
    // The caller divides by 1 − beta1^t, the kernel multiplies with 1 / (1 − beta2^t).
    uniforms.floats.fill(rate / (1 - beta1 ** step), UNIFORM.stepSizes, UNIFORM.stepSizes + 23);
    uniforms.floats[UNIFORM.biasCorrection2] = 1 / (1 - beta2 ** step);
    const gradient = new Float32Array(memory.buffer, gradients + row * GRADIENT_ROW_BYTES, CHUNK);
    for (let i = 0; i < count; i++) {
      const g = random.normal() * 1e-6;
      gradient[i] = g;
      if (i === 2) continue;
      m[i] = beta1 * (m[i] as number) + (1 - beta1) * g;
      v[i] = beta2 * (v[i] as number) + (1 - beta2) * g * g;
      const mean = (m[i] as number) / (1 - beta1 ** step);
      const variance = (v[i] as number) / (1 - beta2 ** step);
      expected[i] = (expected[i] as number) - (rate * mean) / Math.sqrt(variance);
    }
    kernels.adam[1]?.(0, Math.ceil(count / 4) * 4, gradients);
  }
  expected.forEach((value, i) => {
    expect.soft((workspace.params[row] as Float32Array)[i], `gaussian ${i}`).toBeCloseTo(value, 6);
  });
  expect((workspace.moments1[row] as Float32Array)[2]).toBe(0);
});
