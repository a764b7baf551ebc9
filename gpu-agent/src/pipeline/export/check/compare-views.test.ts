import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { intrinsicsOf, pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import {
  emptySplatCloud,
  largestLens,
  readTransforms,
  type SplatCloud,
  type Transforms,
  writeShPly,
} from "@splatt/formats";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ColmapModel } from "../../poses/colmap-model.ts";
import { writeModel } from "../../poses/model-files.ts";
import { apply, type Matrix3, quaternionOf, type Vector3 } from "../../poses/vectors.ts";
import { compareViews } from "./compare-views.ts";

const [WIDTH, HEIGHT] = [96, 64];
/** Around the ball, so that neighbours see its points from similar directions. */
const FRAMES = 24;

let dir = "";
/** A dataset whose photos show a known splat: JPEGs of its renderings. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "compare-views-"));
  const transforms = await writeSyntheticDataset(dir, {
    frames: FRAMES,
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
  const intrinsics = intrinsicsOf(largestLens(transforms));
  for (const { file_path, transform_matrix } of transforms.frames) {
    const pixels = renderer.render(pinholeCamera(intrinsics, transform_matrix));
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

async function compare(splat: string, signal = new AbortController().signal, exposureVaries = false) {
  const task = {
    splatFile: join(dir, splat),
    transformsFile: join(dir, "transforms.json"),
    photosDir: dir,
    trainedWidth: WIDTH,
    exposureVaries,
    sheetFile: join(dir, `${splat}.webp`),
    coverageFile: join(dir, `${splat}.json`),
  };
  return compareViews(task, signal);
}

it("fits the brightness of renderings to photos whose exposure jumps", async () => {
  const cloud = colouredBall();
  // The colour is 0.5 + 0.28 · dc, here made darker by a fifth.
  const dc = cloud.dc.map((value) => (0.8 * (0.5 + 0.2820948 * value) - 0.5) / 0.2820948);
  await writeShPly(join(dir, "darker.ply"), { ...cloud, dc });
  const [plain, fitted] = [await compare("darker.ply"), await compare("darker.ply", undefined, true)];
  if (!plain.ok || !fitted.ok) return expect.fail("not compared");
  expect(fitted.value.heldOut).toBeGreaterThan((plain.value.heldOut ?? 0) + 5);
  expect(fitted.value.sheet.rows[0]?.psnr).toBeGreaterThan((plain.value.sheet.rows[0]?.psnr ?? 0) + 5);
});

it("matches a splat with its photos, from held-out and training cameras, up to JPEG loss", async () => {
  const compared = await compare("true.ply");
  if (!compared.ok) throw new Error(compared.error.detail);
  const { heldOut, training, meanColour, jpegCeiling } = compared.value;
  expect(training).toBeGreaterThan(meanColour + 10);
  expect(Math.abs((heldOut ?? 0) - training)).toBeLessThan(2);
  // The photos are the splat's renderings, so what is missing is the encoder's loss alone.
  expect(Math.abs((jpegCeiling ?? 0) - training)).toBeLessThan(2);
});

it("draws each held-out photo beside the splat from the same camera", async () => {
  const compared = await compare("true.ply");
  const sheet = compared.ok ? compared.value.sheet : null;
  if (sheet === null) throw new Error("no sheet");
  expect(sheet).toMatchObject({ file: "true.ply.webp", width: WIDTH, height: HEIGHT });
  const { data, info } = await sharp(join(dir, sheet.file)).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject(sheet.total);
  for (const [row, { frame, psnr }] of sheet.rows.entries()) {
    expect(psnr).toBeGreaterThan(25);
    const photo = await sharp(join(dir, "images", frame))
      .raw()
      .toBuffer();
    expect(meanDifference(photo, data, info.width, row, 0)).toBeLessThan(8);
    expect(meanDifference(photo, data, info.width, row, WIDTH)).toBeLessThan(8);
  }
  const other = await compare("moved.ply");
  expect(other.ok && (other.value.sheet.rows[0]?.psnr ?? 99)).toBeLessThan(sheet.rows[0]?.psnr ?? 0);
});

it("shows the frames of the capture in their order, and which have no camera", async () => {
  const lost = join(dir, "images", "frame_00003b.jpg");
  await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "#0000ff" } })
    .jpeg()
    .toFile(lost);
  const compared = await compare("true.ply");
  await rm(lost);
  if (!compared.ok) throw new Error("not compared");
  const { file, contact, total } = compared.value.sheet;
  const names = contact.frames.map(({ frame }) => frame);
  expect(names).toEqual(names.toSorted());
  const missing = contact.frames.filter(({ placed }) => !placed);
  expect(missing).toEqual([{ frame: "frame_00003b.jpg", placed: false }]);
  expect(contact.frames).toHaveLength(FRAMES + 1);
  const at = names.indexOf("frame_00003b.jpg");
  const { width, height, columns, top } = contact;
  const [red = 255, , blue = 0] = await sharp(join(dir, file))
    .extract({
      left: (at % columns) * width + Math.floor(width / 2),
      top: top + Math.floor(at / columns) * height + Math.floor(height / 2),
      ...{ width: 1, height: 1 },
    })
    .raw()
    .toBuffer();
  expect([red < 20, blue > 235]).toEqual([true, true]);
  expect(total.height).toBe(top + Math.ceil((FRAMES + 1) / columns) * height);
});

/** The cameras of the dataset, and points in the middle of the ball that all of them see but `hidden`. */
function solvedModel({ frames, ...lens }: Transforms, hidden: string): ColmapModel {
  const { w: width, h: height, fl_x, fl_y, cx, cy } = largestLens({ frames, ...lens } as Transforms);
  const images = frames.map(({ file_path, transform_matrix: m }, i) => {
    const column = (c: 0 | 1 | 2 | 3, sign: number): Vector3 => [
      sign * m[0][c],
      sign * m[1][c],
      sign * m[2][c],
    ];
    const rotation: Matrix3 = [column(0, 1), column(1, -1), column(2, -1)];
    return {
      ...{ id: i + 1, cameraId: 1, name: basename(file_path), features: new Float64Array(40) },
      ...{ quaternion: quaternionOf(rotation), translation: apply(rotation, column(3, -1)) },
    };
  });
  const seen = images.filter(({ name }) => name !== hidden);
  const points = Array.from({ length: 20 }, (_, i) => ({
    position: [0.02 * Math.sin(i), 0.02 * Math.cos(i), 0.02 * Math.sin(2 * i)] as const,
    ...{ colour: [0, 0, 0] as const, error: 0.5, track: Uint32Array.from(seen.flatMap(({ id }) => [id, i])) },
  }));
  const camera = { id: 1, model: 1, width, height, params: [fl_x, fl_y, cx, cy] };
  return { cameras: new Map([[1, camera]]), images, points };
}

it("counts the training frames in which something hides the scene, unless the splat is good or wrong everywhere", async () => {
  const transforms = await readTransforms(join(dir, "transforms.json"));
  const hidden = transforms.train_filenames[1] ?? "";
  const model = join(dir, "colmap", "sparse", "0");
  await writeModel(model, solvedModel(transforms, basename(hidden)));
  const green = await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "#00ff00" } })
    .jpeg()
    .toBuffer();
  const photos = new Map<string, Buffer>();
  const replace = async (name: string) => {
    photos.set(name, await readFile(join(dir, name)));
    await writeFile(join(dir, name), green);
  };
  const good = await compare("true.ply");
  const wrong = await compare("moved.ply");
  for (const name of transforms.test_filenames) await replace(name);
  const bad = await compare("true.ply");
  await replace(hidden);
  const occluded = await compare("true.ply");
  await rm(model, { recursive: true });
  const withoutModel = await compare("true.ply");
  for (const [name, photo] of photos) await writeFile(join(dir, name), photo);
  const of = transforms.train_filenames.length;
  expect(good).toMatchObject({ value: { occluded: { frames: 0, of: 0 } } });
  expect(wrong).toMatchObject({ value: { occluded: { frames: 0, of: 0 } } });
  expect(bad).toMatchObject({ value: { occluded: { frames: 0, of } } });
  expect(occluded).toMatchObject({ value: { occluded: { frames: 1, of } } });
  expect(withoutModel).toMatchObject({ value: { occluded: { frames: 0, of: 0 } } });
});

/** Between a photo and the cell of the sheet whose left edge is at `left`, per channel. */
function meanDifference(photo: Buffer, sheet: Buffer, sheetWidth: number, row: number, left: number): number {
  let sum = 0;
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < 3 * WIDTH; x++) {
      const there = sheet[3 * ((row * HEIGHT + y) * sheetWidth + left) + x] ?? 0;
      sum += Math.abs((photo[3 * y * WIDTH + x] ?? 0) - there);
    }
  }
  return sum / (3 * WIDTH * HEIGHT);
}

it("finds little match for a splat in another place", async () => {
  const [there, moved] = [await compare("true.ply"), await compare("moved.ply")];
  if (!there.ok || !moved.ok) throw new Error("not compared");
  expect(moved.value.training).toBeLessThan(there.value.training - 8);
});

it("fails without a splat, and stops with the job", async () => {
  expect(await compare("none.ply")).toMatchObject({ ok: false, error: { code: "export_failed" } });
  expect(await compare("true.ply", AbortSignal.abort())).toMatchObject({ error: { code: "agent_stopped" } });
});
