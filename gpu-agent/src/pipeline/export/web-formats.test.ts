import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { type PinholeCamera, pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer";
import { emptySplatCloud, type Matrix4, readShPly, type SplatCloud, writeShPly } from "@splatt/formats";
import { execa } from "execa";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromSpz, loadSpzLibrary } from "./spz/testing/spz-library.ts";
import { convertSplat, convertToLodSet, readWebFormat } from "./web-formats.ts";
import { matrixOf, TO_WEB_FRAME } from "./web-frame.ts";

const SIZE = 64;
const COUNT = 400;

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "web-formats-"));
  await writeShPly(join(dir, "splat.ply"), cloudWithViewDependentColours());
});
afterAll(() => rm(dir, { recursive: true }));

function cloudWithViewDependentColours(): SplatCloud {
  const cloud = emptySplatCloud(COUNT, 3);
  for (let i = 0; i < COUNT; i++) {
    cloud.positions.set([0.5 * Math.sin(i), 0.3 * Math.cos(2 * i), 0.2 * Math.sin(3 * i + 1)], 3 * i);
    cloud.logScales.set([-2.2, -2.8, -3.4], 3 * i);
    cloud.rotations.set([1, Math.sin(i), Math.cos(3 * i), 0.3], 4 * i);
    cloud.opacities[i] = 3;
    cloud.dc.set([Math.sin(i), Math.cos(i), Math.sin(5 * i)], 3 * i);
  }
  for (let j = 0; j < cloud.rest.length; j++) cloud.rest[j] = 0.25 * Math.sin(7 * j);
  return cloud;
}

const context = () => ({
  signal: new AbortController().signal,
  log: pino({ level: "silent" }),
  dir,
  report: () => undefined,
  toolOutput: () => undefined,
});

function camera(pose: Matrix4): PinholeCamera {
  const focal = { focalX: 80, focalY: 80, centerX: SIZE / 2, centerY: SIZE / 2 };
  return pinholeCamera({ width: SIZE, height: SIZE, ...focal }, pose);
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

/** A camera at (0, −1.5, 0.4) that looks along +y with z up. */
const POSE: Matrix4 = [
  [1, 0, 0, 0],
  [0, 0, -1, -1.5],
  [0, 1, 0, 0.4],
  [0, 0, 0, 1],
];

/** The camera's pose after the transform that metrics.json states. */
function moved(pose: Matrix4, matrix: readonly (readonly number[])[]): Matrix4 {
  const entry = (row: number, column: number) =>
    [0, 1, 2, 3].reduce((sum, k) => sum + (matrix[row]?.[k] ?? 0) * (pose[k]?.[column] ?? 0), 0);
  const row = (i: number): [number, number, number, number] => [
    entry(i, 0),
    entry(i, 1),
    entry(i, 2),
    entry(i, 3),
  ];
  return [row(0), row(1), row(2), row(3)];
}

describe("convertSplat", () => {
  it.each([
    { file: "splat.spz", version: 3, degree: 3, least: 30 },
    { file: "splat.sog", version: 2, degree: 3, least: 35 },
  ])(
    "writes a $file that shows the same from the transformed camera",
    async ({ file, version, degree, least }) => {
      const rotation = TO_WEB_FRAME["+z"];
      const splat = { file: join(dir, "splat.ply"), cloud: cloudWithViewDependentColours(), rotation };
      const converted = await convertSplat(splat, join(dir, file), context());
      expect(converted).toEqual({ ok: true, value: { version, sh_degree: degree } });

      // Read back by another program's reader, in the axes that are in the file.
      const back = `${file}.ply`;
      await execa("splat-transform", ["-g", "cpu", "-w", file, back], {
        cwd: dir,
        preferLocal: true,
        localDir: import.meta.dirname,
      });
      const read = await readShPly(join(dir, back));
      if (!read.ok) throw new Error(read.error);
      expect(read.value.count).toBe(COUNT);
      const size = { width: SIZE, height: SIZE };
      const original = new SplatRenderer(cloudWithViewDependentColours(), size).render(camera(POSE));
      const turned = new SplatRenderer(read.value, size);
      expect(psnr(original, turned.render(camera(moved(POSE, matrixOf(rotation)))))).toBeGreaterThan(least);
      expect(psnr(original, turned.render(camera(POSE)))).toBeLessThan(least - 4);
    },
  );

  it("writes a .spz that the format's own library reads", async () => {
    const rotation = TO_WEB_FRAME["+z"];
    const splat = { file: join(dir, "splat.ply"), cloud: cloudWithViewDependentColours(), rotation };
    expect(await convertSplat(splat, join(dir, "strict.spz"), context())).toMatchObject({ ok: true });
    const spz = await loadSpzLibrary();
    const to = spz.CoordinateSystem.UNSPECIFIED;
    const read = spz.loadSpzFromBuffer(await readFile(join(dir, "strict.spz")), { to });
    expect(read).toMatchObject({ numPoints: COUNT, shDegree: 3, antialiased: false });
    const size = { width: SIZE, height: SIZE };
    const original = new SplatRenderer(cloudWithViewDependentColours(), size).render(camera(POSE));
    const turned = new SplatRenderer(fromSpz(read), size);
    expect(psnr(original, turned.render(camera(moved(POSE, matrixOf(rotation)))))).toBeGreaterThan(30);
  });

  it("fails when the file holds another number of gaussians", async () => {
    const cloud = emptySplatCloud(COUNT + 1, 3);
    const splat = { file: join(dir, "splat.ply"), cloud, rotation: TO_WEB_FRAME["-y"] };
    expect(await convertSplat(splat, join(dir, "fewer.spz"), context())).toMatchObject({
      ok: false,
      error: { code: "export_failed", detail: "The file holds 400 of 401 gaussians." },
    });
  });

  it.each(["lie.spz", "lie.sog"])(
    "fails when the converter has put something else into %s",
    async (target) => {
      const cloud = cloudWithViewDependentColours();
      cloud.positions.reverse();
      const splat = { file: join(dir, "splat.ply"), cloud, rotation: TO_WEB_FRAME["+z"] };
      expect(await convertSplat(splat, join(dir, target), context())).toMatchObject({
        ok: false,
        error: { code: "export_failed", detail: "The positions in the file are not those of the splat." },
      });
    },
  );
});

describe("convertToLodSet", () => {
  it("fails when the set is another splat's", async () => {
    const cloud = cloudWithViewDependentColours();
    const splat = { file: join(dir, "splat.ply"), cloud, rotation: TO_WEB_FRAME["+z"] };
    expect(await convertToLodSet(splat, dir, context())).toMatchObject({ ok: true });
    cloud.positions.reverse();
    const detail = "The set cannot be used: the positions at level 0 are not those of the splat.";
    expect(await convertToLodSet(splat, dir, context())).toMatchObject({
      ok: false,
      error: { code: "export_failed", detail },
    });
  });
});

describe("readWebFormat", () => {
  it("refuses files that are truncated or something else", async () => {
    const file = join(dir, "whole.spz");
    const splat = {
      file: join(dir, "splat.ply"),
      cloud: { ...cloudWithViewDependentColours(), shDegree: 0 },
      rotation: TO_WEB_FRAME["-y"],
    };
    expect(await convertSplat(splat, file, context())).toMatchObject({ ok: true });
    const whole = gunzipSync(await readFile(file));
    await writeFile(join(dir, "half.spz"), gzipSync(whole.subarray(0, whole.length / 2)));
    expect(await readWebFormat(join(dir, "half.spz"))).toEqual({ ok: false, error: "it is cut off" });
    await writeFile(join(dir, "other.sog"), "PK");
    expect(await readWebFormat(join(dir, "other.sog"))).toMatchObject({ ok: false });
    await writeFile(join(dir, "other.spz"), gzipSync("not a splat, but long enough"));
    expect(await readWebFormat(join(dir, "other.spz"))).toEqual({ ok: false, error: "it is not a .spz" });
  });
});
