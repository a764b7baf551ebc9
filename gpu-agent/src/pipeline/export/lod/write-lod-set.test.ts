import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer";
import { emptySplatCloud, type Matrix4, readShPly, type SplatCloud } from "@splatt/formats";
import { isLodFile, LOD_META_FILE } from "@splatt/shared";
import { execa } from "execa";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LodMeta } from "./lod-meta.ts";
import { writeLodSet } from "./write-lod-set.ts";

const COUNT = 40_000;
const SIZE = 96;

/** A coloured ball of many small gaussians. */
function ball(): SplatCloud {
  const cloud = emptySplatCloud(COUNT, 1);
  for (let i = 0; i < COUNT; i++) {
    const z = 1 - (2 * (i + 0.5)) / COUNT;
    const angle = i * 2.399963;
    const radius = Math.sqrt(1 - z * z);
    cloud.positions.set([radius * Math.cos(angle), radius * Math.sin(angle), z], 3 * i);
    cloud.logScales.fill(Math.log(0.012), 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 3;
    cloud.dc.set([2 * z, 1.5 * Math.sin(2 * angle), -2 * z], 3 * i);
  }
  return cloud;
}

/** A camera at (0, −3, 0) that looks along +y, with z up. */
const POSE: Matrix4 = [
  [1, 0, 0, 0],
  [0, 0, -1, -3],
  [0, 1, 0, 0],
  [0, 0, 0, 1],
];

function picture(cloud: SplatCloud): Uint8Array {
  const focal = { focalX: 120, focalY: 120, centerX: SIZE / 2, centerY: SIZE / 2 };
  const camera = pinholeCamera({ width: SIZE, height: SIZE, ...focal }, POSE);
  return new SplatRenderer(cloud, { width: SIZE, height: SIZE }).render(camera);
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

let dir = "";
let files: readonly string[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lod-set-"));
  ({ files } = await writeLodSet(dir, ball()));
});
afterAll(() => rm(dir, { recursive: true }));

/** A level, which is one file here, as splat-transform reads it. */
const readLevel = (level: number) => readByTransform(join(dir, `lod-${level}-0.sog`));

async function readByTransform(input: string): Promise<SplatCloud> {
  const ply = `${input}.ply`;
  const args = ["-g", "cpu", "-w", input, ply];
  await execa("splat-transform", args, { preferLocal: true, localDir: import.meta.dirname });
  const read = await readShPly(ply);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

describe("a streamed set", () => {
  it("has files that are served as a set", () => {
    expect(files).toContain(LOD_META_FILE);
    expect(files.filter((name) => !isLodFile(name))).toEqual([]);
  });

  it.each([
    { level: 0, count: COUNT, least: 35 },
    { level: 1, count: COUNT / 4, least: 27 },
    { level: 2, count: COUNT / 16, least: 20 },
    { level: 3, count: COUNT / 64, least: 16 },
  ])("shows the scene at level $level, to another reader", async ({ level, count, least }) => {
    const cloud = await readLevel(level);
    expect(cloud.count).toBe(count);
    expect(psnr(picture(cloud), picture(ball()))).toBeGreaterThan(least);
  });

  it("is one set to another reader, which wants its files unpacked", async () => {
    const folder = join(dir, "unpacked");
    const meta = LodMeta.parse(JSON.parse(await readFile(join(dir, LOD_META_FILE), "utf8")));
    for (const name of meta.filenames) {
      for (const [entry, bytes] of Object.entries(unzipSync(await readFile(join(dir, name))))) {
        const path = join(folder, name, entry);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, bytes);
      }
    }
    const filenames = meta.filenames.map((name) => `${name}/meta.json`);
    await writeFile(join(folder, LOD_META_FILE), JSON.stringify({ ...meta, filenames }));
    // It compares the numbers of all levels, and shows the finest.
    expect((await readByTransform(join(folder, LOD_META_FILE))).count).toBe(COUNT);
  });

  it("lists parts of the scene, each with its gaussians at every level", async () => {
    const { tree, counts, lodLevels } = LodMeta.parse(
      JSON.parse(await readFile(join(dir, LOD_META_FILE), "utf8")),
    );
    expect(counts).toHaveLength(lodLevels);
    expect(tree.children.length).toBeGreaterThan(2);
    for (const level of counts.keys()) {
      const { positions } = await readLevel(level);
      let next = 0;
      for (const { bound, lods } of tree.children) {
        const { offset = -1, count = 0 } = lods[level] ?? {};
        expect(offset).toBe(next);
        next += count;
        for (let i = 3 * offset; i < 3 * next; i++) {
          const [low = 0, high = 0] = [bound.min[i % 3], bound.max[i % 3]];
          if ((positions[i] ?? 0) < low - 0.001 || (positions[i] ?? 0) > high + 0.001) {
            expect.fail(`${positions[i]} is not in ${low} to ${high}`);
          }
        }
      }
      expect(next).toBe(counts[level]);
    }
  });
});
