import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { SpzModule } from "@adobe/spz";
import { emptySplatCloud, type SplatCloud } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pseudoRandom } from "../../poses/pseudo-random.ts";
import { fromSpz, loadSpzLibrary, toSpz } from "./testing/spz-library.ts";
import { writeSpz } from "./write-spz.ts";

const COUNT = 4000;

let dir = "";
let library: SpzModule;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "write-spz-"));
  library = await loadSpzLibrary();
});
afterAll(() => rm(dir, { recursive: true }));

/** Gaussians of all kinds, some of them with values beyond what a byte can hold. */
function randomCloud(shDegree: number): SplatCloud {
  const cloud = emptySplatCloud(COUNT, shDegree);
  const random = pseudoRandom(7);
  const fill = (values: Float32Array, spread: number) => {
    values.forEach((_, i) => {
      values[i] = spread * (2 * random() - 1);
    });
  };
  fill(cloud.positions, 20);
  fill(cloud.logScales, 12);
  fill(cloud.rotations, 1);
  fill(cloud.opacities, 8);
  fill(cloud.dc, 4);
  fill(cloud.rest, 1.2);
  return cloud;
}

async function written(cloud: SplatCloud): Promise<Buffer> {
  const file = join(dir, "splat.spz");
  await writeSpz(file, cloud);
  return readFile(file);
}

/** Read by the format's own library. */
async function roundTrip(cloud: SplatCloud): Promise<SplatCloud> {
  const to = library.CoordinateSystem.UNSPECIFIED;
  return fromSpz(library.loadSpzFromBuffer(await written(cloud), { to }));
}

describe("writeSpz", () => {
  it.each([0, 1, 2, 3])("writes the bytes of the format's own library, at degree %d", async (degree) => {
    const cloud = randomCloud(degree);
    const options = { version: 3, from: library.CoordinateSystem.UNSPECIFIED, sh1Bits: 5, shRestBits: 4 };
    const expected = gunzipSync(library.saveSpzToBuffer(toSpz(cloud), options));
    expect(gunzipSync(await written(cloud)).equals(expected)).toBe(true);
  });

  it.each([1e-3, 1, 1e5])("keeps the shape of a scene that is %d wide", async (size) => {
    const cloud = randomCloud(0);
    const scaled = { ...cloud, positions: cloud.positions.map((value) => (value * size) / 20) };
    const { positions } = await roundTrip(scaled);
    const errors = scaled.positions.map((value, i) => Math.abs(value - (positions[i] ?? Number.NaN)));
    expect(Math.max(...errors)).toBeLessThan(size / 2000);
  });

  it("brings gaussians beyond its reach nearer, where they look the same", async () => {
    const cloud = randomCloud(0);
    cloud.positions.set([30_000, -15_000, 6000], 0);
    cloud.logScales.set([4, 3, 2], 0);
    const { positions, logScales } = await roundTrip(cloud);
    const [x = 0, y = 0, z = 0] = positions;
    expect(x).toBeGreaterThan(1000);
    expect([y / x, z / x]).toEqual([expect.closeTo(-0.5, 3), expect.closeTo(0.2, 3)]);
    // As large from the middle as before, up to half a step of a size's byte.
    const nearness = Math.log(x / 30_000);
    [4, 3, 2].forEach((size, axis) => {
      expect(Math.abs((logScales[axis] ?? Number.NaN) - nearness - size)).toBeLessThanOrEqual(1 / 32 + 1e-6);
    });
    const errors = positions.subarray(3).map((value, i) => Math.abs(value - (cloud.positions[3 + i] ?? 0)));
    expect(Math.max(...errors)).toBeLessThan(2 ** -12);
  });
});
