import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toOpenCv } from "./camera-models.ts";
import type { ColmapCamera, ColmapModel } from "./colmap-model.ts";
import { foldsInPicture } from "./lens-shape.ts";
import { observationsOf, withoutOutliers } from "./observations.ts";
import { colmapJobOn } from "./testing/colmap-job.ts";
import { ballOfPoints, lookAt, modelOf } from "./testing/synthetic-model.ts";
import { unfoldLenses } from "./unfold-lenses.ts";

/** With the real COLMAP, on a model whose features are in the middle of the pictures. */
const installed = spawnSync("colmap", ["-h"]).status === 0;

const SIZE = { width: 640, height: 480 };
const RADIAL = (k1: number, k2: number): ColmapCamera => ({
  ...{ id: 1, model: 3, ...SIZE },
  params: [400, 320, 240, k1, k2],
});

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-lenses-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function captured(camera: ColmapCamera): ColmapModel {
  const poses = Array.from({ length: 12 }, (_, i) => {
    const angle = i / 8;
    return lookAt([5 * Math.cos(angle), 5 * Math.sin(angle), 0.4 * (i % 3)], [0, 0, 0], [0, 0, 1]);
  });
  return modelOf(poses, ballOfPoints(200, [0, 0, 0], 2), camera);
}

describe.skipIf(!installed)("a lens", () => {
  it.each([
    ["that folds before the corner", RADIAL(0.05, -0.4)],
    ["whose corner no ray reaches", { ...RADIAL(0, 0), model: 2, params: [400, 320, 240, -0.17] }],
  ])("%s is fitted again", async (_, camera) => {
    const model = captured(camera);
    expect(foldsInPicture(toOpenCv(camera) ?? never())).toBe(true);
    const unfolded = await unfoldLenses(await colmapJobOn(model, dir, SIZE), model, false, join(dir, "work"));
    if (!unfolded.ok) throw new Error(unfolded.error.detail);
    expect(unfolded.value.note).toMatch(/was fitted again: 0\.\d+ pixels/);
    const found = unfolded.value.model;
    expect(found.images).toHaveLength(12);
    for (const one of found.cameras.values()) expect(foldsInPicture(toOpenCv(one) ?? never())).toBe(false);
    // Errors are of the model as it is, not as COLMAP says.
    const fits = observationsOf(withoutOutliers(found, 2));
    expect(fits.count).toBeGreaterThan(0.97 * observationsOf(model).count);
    expect(fits.meanError).toBeLessThan(0.3);
  });

  it("that does not fold stays as it is", async () => {
    const model = captured(RADIAL(-0.1, 0.03));
    const job = await colmapJobOn(model, dir, SIZE);
    expect(await unfoldLenses(job, model, false, join(dir, "none"))).toEqual({
      ok: true,
      value: { model, note: null },
    });
  });

  it("of given poses is replaced alone, unless it then contradicts the points", async () => {
    const model = captured(RADIAL(0.05, -0.4));
    const job = await colmapJobOn(model, dir, SIZE);
    const given = await unfoldLenses(job, model, true, join(dir, "none"));
    if (!given.ok) throw new Error(given.error.detail);
    expect(given.value.model.images).toEqual(model.images);
    const [lens] = [...given.value.model.cameras.values()].map(toOpenCv);
    expect(lens && foldsInPicture(lens)).toBe(given.value.model === model);
    const worse = captured(RADIAL(1.5, -1.9));
    expect(await unfoldLenses(job, worse, true, join(dir, "none"))).toMatchObject({
      ok: true,
      value: { model: worse, note: expect.stringContaining("may be wrong there") },
    });
  });
});

function never(): never {
  throw new Error("a lens that OpenCV has");
}
