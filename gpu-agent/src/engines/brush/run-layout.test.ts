import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Transforms } from "@splatt/formats";
import { emptySplatCloud, largestLens, writeShPly } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { tinyTransforms, writeTinyDataset } from "../testing/tiny-dataset.ts";
import { trainArgs, writeDatasetView } from "./run-layout.ts";

const options: TrainOptions = { iterations: 5000, preset: "standard", max_splats: null, max_resolution: 64 };
const line = (steps: string, from: number, more = "") =>
  `/run/brush-dataset ${steps} 5000 --start-iter ${from} --export-path /run/brush-exports
    --export-name export_{iter}.ply --export-every 1000 --eval-every 100 --max-resolution 64 --sh-degree 3
    --growth-stop-iter 2500 ${more}`;

describe("trainArgs", () => {
  it.each([
    {
      name: "a first run",
      args: trainArgs(
        { version: "1.0.0", stepsOption: "--total-train-iters" },
        options,
        largestLens(tinyTransforms()),
        "/run",
        0,
      ),
      expected: line("--total-train-iters", 0),
    },
    {
      name: "a resumed and limited run of an older Brush",
      args: trainArgs(
        { version: "0.3.0", stepsOption: "--total-steps" },
        { ...options, max_splats: 9000 },
        largestLens(tinyTransforms()),
        "/run",
        2000,
      ),
      expected: line("--total-steps", 2000, "--max-splats 9000"),
    },
  ])("of $name", ({ args, expected }) => {
    expect(args).toEqual(expected.trim().split(/\s+/));
  });
});

describe("in a training's folder", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "brush-layout-"));
    await mkdir(join(root, "run"));
  });
  afterEach(() => rm(root, { recursive: true }));
  const run = () => join(root, "run");
  const file = (path: string) => join(run(), "brush-dataset", path);
  const view = async (name: string) => JSON.parse(await readFile(file(name), "utf8")) as Transforms;

  async function leave(path: string, count = 1) {
    await mkdir(dirname(join(run(), path)), { recursive: true });
    await writeShPly(join(run(), path), emptySplatCloud(count, 1));
  }

  it("gives Brush its training and held-out frames, all inside its dataset's folder", async () => {
    const dataset = await writeTinyDataset(join(root, "dataset"));
    await writeDatasetView(run(), tinyTransforms(), dataset, null);
    expect((await view("transforms.json")).frames).toHaveLength(8);
    const judged = await view("transforms_test.json");
    expect(judged.frames.map(({ file_path }) => file_path)).toEqual([
      "images/frame_00009.jpg",
      "images/frame_00010.jpg",
    ]);
    expect(await realpath(file("images/frame_00009.jpg"))).toBe(join(dataset.dir, "images/frame_00009.jpg"));
    expect(await realpath(file(judged.ply_file_path))).toBe(join(dataset.dir, "sparse_pc.ply"));
  });

  it("replaces the points by the splat to resume from, and has no evaluation frames when none are held out", async () => {
    const dataset = await writeTinyDataset(join(root, "dataset"), tinyTransforms(0));
    await writeDatasetView(run(), tinyTransforms(0), dataset, null);
    await leave("brush-exports/export_100.ply");
    await writeDatasetView(run(), tinyTransforms(0), dataset, "brush-exports/export_100.ply");
    expect(await view("transforms.json")).toMatchObject({ ply_file_path: "init.ply" });
    const init = await readFile(file("init.ply"));
    expect(init.equals(await readFile(join(run(), "brush-exports/export_100.ply")))).toBe(true);
    await expect(readFile(file("sparse_pc.ply"))).rejects.toThrow("ENOENT");
    await expect(view("transforms_test.json")).rejects.toThrow("ENOENT");
  });
});
