import { describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { tinyTransforms } from "../testing/tiny-dataset.ts";
import { datasetView, trainArgs } from "./run-layout.ts";

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

it("gives OpenSplat the training frames and its held-out frame, wherever they are", () => {
  const view = datasetView(tinyTransforms(3), { dir: "/jobs/1/poses" }) as ReturnType<typeof tinyTransforms>;
  const shown = [1, 2, 3, 4, 5, 6, 7, 9].map(
    (i) => `/jobs/1/poses/images/frame_${String(i).padStart(5, "0")}.jpg`,
  );
  expect(view.frames.map(({ file_path }) => file_path)).toEqual(shown);
  expect(view.ply_file_path).toBe("/jobs/1/poses/sparse_pc.ply");
});
