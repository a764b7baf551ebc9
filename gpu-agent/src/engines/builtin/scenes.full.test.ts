import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { psnrOfSplat, writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { readShPly } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { createBuiltinEngine } from "./engine.ts";
import { writeInexactDataset } from "./testing/inexact-dataset.ts";
import { recordedContext } from "./testing/recorded-context.ts";
import { flickeringScene, smallScene } from "./testing/small-scenes.ts";

/** Whole trainings on scenes that ask for more than engine.test.ts's. */

const options: TrainOptions = { iterations: 500, preset: "draft", max_splats: 4000, max_resolution: null };

let dir: string;
let dataset: { dir: string };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-builtin-scenes-"));
  dataset = await smallScene(dir);
});
afterAll(() => rm(dir, { recursive: true }));

const contextIn = (name: string) => recordedContext(join(dir, name), {});

it("trains on photos of several cameras and sizes", async () => {
  const photos = join(dir, "two-cameras");
  await writeSyntheticDataset(photos, { frames: 40, width: 96, height: 72, secondCamera: true });
  const context = await contextIn("two-cameras-run");
  const result = await createBuiltinEngine({ threads: 2 }).train({ dir: photos }, options, context);
  if (!result.ok) return expect.fail(result.error.detail);
  const { width, height, held_out_frames, psnr } = result.value.report;
  expect({ width, height, held_out_frames }).toEqual({ width: 96, height: 72, held_out_frames: 8 });
  // Half of the held-out frames are of either camera.
  expect(psnr).toBeGreaterThan(22);
});

describe("with poses that are not exact", () => {
  const inexact = () => ({ dir: join(dir, "inexact") });
  beforeAll(() => writeInexactDataset(inexact().dir, dataset.dir));

  it("moves the cameras with the gaussians, and publishes where they are", async () => {
    const context = await contextIn("inexact-run");
    const result = await createBuiltinEngine({ threads: 2 }).train(inexact(), options, context);
    if (!result.ok) return expect.fail(result.error.detail);
    const { report, refinedTransforms = "" } = result.value;
    // Nearly as good as with exact poses.
    expect(report.psnr).toBeGreaterThan(23);
    expect(report.psnr).toBeGreaterThan((report.psnr_given_poses ?? 99) + 3);
    const cloud = await readShPly(join(context.dir, result.value.model));
    if (!cloud.ok) return expect.fail(cloud.error);
    const published = join(dir, "inexact-published");
    await mkdir(published);
    for (const name of ["images", "sparse_pc.ply"])
      await symlink(join(dataset.dir, name), join(published, name));
    await copyFile(join(context.dir, refinedTransforms), join(published, "transforms.json"));
    expect(await psnrOfSplat(cloud.value, { dir: published })).toBeCloseTo(report.psnr ?? 0, 2);
  });
});

it("fits the exposure of each frame where it changes, and reports the quality with and without it", async () => {
  const flickering = await flickeringScene(dir);
  const context = await contextIn("flickering-run");
  const result = await createBuiltinEngine({ threads: 2 }).train(flickering, options, context);
  if (!result.ok) return expect.fail(result.error.detail);
  const { psnr, psnr_color_corrected, exposure_spread } = result.value.report;
  // As good as with a steady exposure, but for what was cut off as white.
  expect(psnr_color_corrected).toBeGreaterThan(23);
  expect(psnr_color_corrected).toBeGreaterThan((psnr ?? 0) + 3);
  expect(exposure_spread).toBeGreaterThan(0.05);
});
