import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { intrinsicsOf, pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, type SplatCloud, writeShPly } from "@splatt/formats";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareViews } from "./compare-views.ts";

const [WIDTH, HEIGHT] = [96, 64];

let dir = "";
/** A dataset whose photos show a known splat: JPEGs of its renderings. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "compare-views-"));
  const transforms = await writeSyntheticDataset(dir, {
    frames: 10,
    width: WIDTH,
    height: HEIGHT,
    points: 10,
  });
  const cloud = colouredBall();
  await writeShPly(join(dir, "true.ply"), cloud);
  await writeShPly(join(dir, "moved.ply"), {
    ...cloud,
    positions: cloud.positions.map((value) => value + 0.2),
  });
  const renderer = new SplatRenderer(cloud, { width: WIDTH, height: HEIGHT });
  for (const { file_path, transform_matrix } of transforms.frames) {
    const pixels = renderer.render(pinholeCamera(intrinsicsOf(transforms), transform_matrix));
    await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(join(dir, file_path));
  }
});
afterAll(() => rm(dir, { recursive: true }));

function colouredBall(): SplatCloud {
  const cloud = emptySplatCloud(500, 0);
  for (let i = 0; i < cloud.count; i++) {
    cloud.positions.set([0.4 * Math.sin(i), 0.4 * Math.cos(2 * i), 0.4 * Math.sin(3 * i + 1)], 3 * i);
    cloud.logScales.fill(-2.7, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 4;
    cloud.dc.set([1.5 * Math.sin(i), 1.5 * Math.cos(i), 1.5 * Math.sin(5 * i)], 3 * i);
  }
  return cloud;
}

async function compare(splat: string, signal = new AbortController().signal) {
  const task = {
    splatFile: join(dir, splat),
    transformsFile: join(dir, "transforms.json"),
    trainedWidth: WIDTH,
  };
  return compareViews(task, signal);
}

it("matches a splat with its photos, from held-out and training cameras, up to JPEG loss", async () => {
  const compared = await compare("true.ply");
  if (!compared.ok) throw new Error(compared.error.detail);
  const { heldOut, training, meanColour, jpegCeiling } = compared.value;
  expect(training).toBeGreaterThan(meanColour + 10);
  expect(Math.abs((heldOut ?? 0) - training)).toBeLessThan(2);
  // The photos are the splat's renderings, so what is missing is the encoder's loss alone.
  expect(Math.abs((jpegCeiling ?? 0) - training)).toBeLessThan(2);
});

it("finds little match for a splat in another place", async () => {
  const [there, moved] = [await compare("true.ply"), await compare("moved.ply")];
  if (!there.ok || !moved.ok) throw new Error("not compared");
  expect(moved.value.training).toBeLessThan(there.value.training - 8);
});

it("fails without a splat, and stops with the job", async () => {
  expect(await compare("none.ply")).toMatchObject({ ok: false, error: { code: "export_failed" } });
  expect(await compare("true.ply", AbortSignal.abort())).toMatchObject({ error: { code: "agent_stopped" } });
});
