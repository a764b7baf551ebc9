import { emptySplatCloud } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { resized } from "./dataset/camera.ts";
import { toSplatCloud } from "./scene/splat-conversion.ts";
import { mostVisible, SplatRenderer } from "./splat-renderer.ts";
import { gradientScene } from "./testing/gradient-scene.ts";
import { renderReference } from "./testing/reference-renderer.ts";

describe("SplatRenderer", () => {
  const scene = gradientScene(2);
  const params = scene.params.map((row) => Float32Array.from(row));
  const cloud = toSplatCloud(params, params[0]?.length ?? 0, 2);

  it("renders like the reference renderer, on black", () => {
    const { width, height } = scene.camera;
    const pixels = new SplatRenderer(cloud, { width, height }).render(scene.camera);
    const planes = renderReference(scene.params, 2, scene.camera, [0, 0, 0]);
    expect(pixels).toHaveLength(3 * width * height);
    let worst = 0;
    let brightest = 0;
    pixels.forEach((value, i) => {
      const wanted = 255 * Math.min(1, Math.max(0, planes[i % 3]?.[Math.floor(i / 3)] ?? 0));
      worst = Math.max(worst, Math.abs(value - wanted));
      brightest = Math.max(brightest, value);
    });
    expect(worst).toBeLessThan(3);
    expect(brightest).toBeGreaterThan(60);
  });

  it("renders a view identically again, also after another view", () => {
    const { width, height } = scene.camera;
    const renderer = new SplatRenderer(cloud, { width, height });
    const first = renderer.render(scene.camera);
    const other = { ...scene.camera, translation: [0.3, 0, 0] as const };
    expect(renderer.render(other)).not.toEqual(first);
    expect(renderer.render(scene.camera)).toEqual(first);
  });

  it("renders at any size", () => {
    const renderer = new SplatRenderer(cloud, { width: 130, height: 70 });
    expect(renderer.render(resized(scene.camera, 130, 70))).toHaveLength(3 * 130 * 70);
  });
});

describe("mostVisible", () => {
  it("keeps the large and opaque ones in order", () => {
    const cloud = emptySplatCloud(4, 0);
    cloud.positions.set([0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0]);
    cloud.logScales.set([0, 0, 0, -3, -3, -3, 1, 1, -9, 0, 0, 0]);
    cloud.opacities.set([2, 2, 2, -4]);
    expect(Array.from(mostVisible(cloud, 2).positions)).toEqual([0, 0, 0, 2, 0, 0]);
    expect(mostVisible(cloud, 4)).toBe(cloud);
  });
});
