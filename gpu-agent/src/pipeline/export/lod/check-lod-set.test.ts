import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptySplatCloud, type SplatCloud } from "@splatt/formats";
import { LOD_META_FILE } from "@splatt/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pseudoRandom } from "../../poses/pseudo-random.ts";
import type { SplatSample } from "../check/same-splat.ts";
import { checkLodSet } from "./check-lod-set.ts";
import { LodMeta } from "./lod-meta.ts";
import { type WrittenLodSet, writeLodSet } from "./write-lod-set.ts";

/** More than a file holds, so that the finest level has two. */
const COUNT = 140_000;

/** A block of gaussians, whose colours and opacities vary slowly along it. */
function block(): SplatCloud {
  const cloud = emptySplatCloud(COUNT, 0);
  const random = pseudoRandom(7);
  for (let i = 0; i < COUNT; i++) {
    const [x, y, z] = [random(), random(), random()];
    cloud.positions.set([x, 2 * y, 3 * z], 3 * i);
    cloud.logScales.fill(-5, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 2 * x - 1;
    cloud.dc.set([x, y - 0.5, -z], 3 * i);
  }
  return cloud;
}

let root = "";
let set: WrittenLodSet;
const folderOf = (name: string) => join(root, name);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "check-lod-set-"));
  await mkdir(folderOf("written"));
  set = await writeLodSet(folderOf("written"), block());
});
afterAll(() => rm(root, { recursive: true }));

const dir = () => folderOf("set");
beforeEach(async () => {
  await mkdir(dir(), { recursive: true });
  for (const name of set.files) await copyFile(join(folderOf("written"), name), join(dir(), name));
});

async function changeMeta(change: (meta: LodMeta) => void): Promise<void> {
  const file = join(dir(), LOD_META_FILE);
  const meta = LodMeta.parse(JSON.parse(await readFile(file, "utf8")));
  change(meta);
  await writeFile(file, JSON.stringify(meta));
}

const check = (gaussians = COUNT) => checkLodSet(dir(), gaussians, set.levels);

describe("a streamed set", () => {
  it("is what was written", async () => {
    expect(set.files).toContain("lod-0-1.sog");
    expect(await check()).toEqual({ ok: true, value: { shDegree: 0 } });
  });

  describe.each([0, 1, 2, 3])("is refused when level %i has other", (level) => {
    it.each<[string, (sample: SplatSample) => SplatSample]>([
      ["positions", (sample) => ({ ...sample, positions: sample.positions.map((x) => x.map((v) => -v)) })],
      ["opacities", (sample) => ({ ...sample, opacities: sample.opacities.map((v) => v / 2) })],
      ["colours", (sample) => ({ ...sample, colours: sample.colours.toReversed() })],
    ])("%s than the splat", async (what, other) => {
      const expected = set.levels.map((sample, i) => (i === level ? other(sample) : sample));
      const error = `the ${what} at level ${level} are not those of the splat`;
      expect(await checkLodSet(dir(), COUNT, expected)).toEqual({ ok: false, error });
    });
  });

  it("is refused when its files have changed places", async () => {
    await changeMeta(({ filenames }) => {
      filenames.splice(0, 2, filenames[1] ?? "", filenames[0] ?? "");
    });
    expect(await check()).toMatchObject({ ok: false, error: expect.stringContaining("it holds") });
  });

  it.each<{ what: string; change: (meta: LodMeta) => void; error: string }>([
    {
      what: "parts overlap",
      change: ({ tree }) => {
        for (const { lods } of tree.children) if (lods[2] !== undefined) lods[2].offset = 0;
      },
      error: "a part begins at",
    },
    {
      what: "a part is missing at a level",
      change: ({ tree }) => delete tree.children[1]?.lods[1],
      error: "its parts list",
    },
    {
      what: "a part's box is another one's",
      change: ({ tree: { children } }) => {
        const [first, last] = [children[0], children.at(-1)];
        if (first && last) first.bound = last.bound;
      },
      error: "is not in the box of its part",
    },
    { what: "a level is missing", change: ({ counts }) => counts.pop(), error: "it has 3 of 4 levels" },
  ])("is refused when $what", async ({ change, error }) => {
    await changeMeta(change);
    expect(await check()).toMatchObject({ ok: false, error: expect.stringContaining(error) });
  });

  it("is refused when the splat has more gaussians", async () => {
    const error = `its finest level has ${COUNT} of ${COUNT + 1} gaussians`;
    expect(await check(COUNT + 1)).toEqual({ ok: false, error });
  });

  it("is refused when a file is damaged", async () => {
    await writeFile(join(dir(), "lod-1-0.sog"), "");
    expect(await check()).toMatchObject({ ok: false });
  });
});
