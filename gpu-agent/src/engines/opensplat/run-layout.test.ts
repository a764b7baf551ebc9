import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptySplatCloud, writeShPly } from "@splatt/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { tinyTransforms } from "../testing/tiny-dataset.ts";
import { datasetView, findSave, removeSaves, trainArgs } from "./run-layout.ts";

const options: TrainOptions = { iterations: 5000, preset: "standard", max_splats: null, max_resolution: 64 };
const release = { "1.1": { version: "1.1.5", since12: false }, "1.2": { version: "1.2.0", since12: true } };

const COMMON = `opensplat-dataset --output splat.ply --num-iters 5000 --save-every 1000 --downscale-factor 2.5000
  --sh-degree 3 --sh-degree-interval 167`;
const SCHEDULE_11 = "--keep-crs --warmup-length 83 --resolution-schedule 500 --stop-screen-size-at 667";
const SCHEDULE_12 = "--densify-from 83 --refine-every 100";
const JUDGE = "--val --val-image frame_00010.jpg";

describe("trainArgs", () => {
  it.each([
    {
      name: "1.1",
      args: trainArgs(release["1.1"], options, tinyTransforms(), null),
      line: `${COMMON} ${SCHEDULE_11} ${JUDGE}`,
    },
    {
      name: "1.2",
      args: trainArgs(release["1.2"], options, tinyTransforms(), null),
      line: `${COMMON} ${SCHEDULE_12} ${JUDGE}`,
    },
    {
      name: "1.2, limited, nothing held out, resumed",
      args: trainArgs(release["1.2"], { ...options, max_splats: 9000 }, tinyTransforms(0), "splat_2000.ply"),
      line: `${COMMON} ${SCHEDULE_12} --max-gaussians 9000 --resume splat_2000.ply`,
    },
    {
      name: "1.1, whose number of gaussians cannot be limited",
      args: trainArgs(release["1.1"], { ...options, max_splats: 9000 }, tinyTransforms(0), null),
      line: `${COMMON} ${SCHEDULE_11}`,
    },
  ])("of $name", ({ args, line }) => {
    expect(args).toEqual(line.split(/\s+/));
  });
});

it("shows OpenSplat the frames to train on and the one to judge by, wherever they are", () => {
  const view = datasetView(tinyTransforms(3), { dir: "/jobs/1/poses" }) as ReturnType<typeof tinyTransforms>;
  const shown = [1, 2, 3, 4, 5, 6, 7, 9].map(
    (i) => `/jobs/1/poses/images/frame_${String(i).padStart(5, "0")}.jpg`,
  );
  expect(view.frames.map(({ file_path }) => file_path)).toEqual(shown);
  expect(view.ply_file_path).toBe("/jobs/1/poses/sparse_pc.ply");
});

describe("saves", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "opensplat-saves-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("finds the newest whole one, and deletes what was cut off", async () => {
    for (const name of ["splat_900.ply", "splat_1000.ply", "splat.ply"]) {
      await writeShPly(join(dir, name), emptySplatCloud(1, 1));
    }
    await writeFile(join(dir, "splat_2000.ply"), "ply\nformat binary_little_endian 1.0\n");
    expect(await findSave(dir)).toEqual({ step: 1000, file: "splat_1000.ply" });
    expect(await readdir(dir)).not.toContain("splat_2000.ply");
    await removeSaves(dir);
    expect(await readdir(dir)).toEqual(["splat.ply"]);
    expect(await findSave(dir)).toBeNull();
  });
});
