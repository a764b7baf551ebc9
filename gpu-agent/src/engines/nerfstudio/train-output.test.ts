import { describe, expect, it } from "vitest";
import type { TrainingEvent } from "../training-progress.ts";
import { parseTrainLine } from "./train-output.ts";

// Lines of nerfstudio 1.1.5 and gsplat 1.4.0, as recorded.
describe("parseTrainLine", () => {
  it.each<[string, TrainingEvent | null]>([
    ["Step (% Done)       Train Iter (time)    ETA (time)           Train Rays / Sec     ", null],
    ["-----------------------------------------------------------------------------------", null],
    [
      "0 (0.00%)           22 s, 71.680 ms      9 h, 11 m, 47 s      ",
      { kind: "step", step: 0, msPerStep: 22_071.68 },
    ],
    [
      "10 (0.67%)          2 s, 36.560 ms       50 m, 34 s           379.74 K             ",
      { kind: "step", step: 10, msPerStep: 2036.56 },
    ],
    [
      "60 (4.00%)          201.911 ms           4 m, 50 s            343.64 K             ",
      { kind: "step", step: 60, msPerStep: 201.911 },
    ],
    [
      "29990 (99.97%)      1 m, 2 s             10 m, 20 s           9.12 M               ",
      { kind: "step", step: 29990, msPerStep: 62_000 },
    ],
    ["12 (34.5%) images have no points", null],
    ["12 (34.50%) of the images", null],
    ["1499 (99.93%)       ", { kind: "step", step: 1499, msPerStep: null }],
    [
      "1500 (6000.00%)     49.896 ms            23 h, 58 m, 47 s     283.61 K             ",
      { kind: "step", step: 1500, msPerStep: 49.896 },
    ],
    // With a terminal, or without max-log-size 0, rows carry colours.
    ["\u001b[30;42m20 (1.33%)          22.190 ms\u001b[0m", { kind: "step", step: 20, msPerStep: 22.19 }],
    ["Step 1400: 0 GSs duplicated, 256 GSs split. Now having 512 GSs.", { kind: "measured", gaussians: 512 }],
    ["Step 1400: 3 GSs pruned. Now having 509 GSs.", { kind: "measured", gaussians: 509 }],
    [
      "[07:01:52] Caching / undistorting train images                                            full_images_datamanager.py:230",
      { kind: "preparing", what: "loading images" },
    ],
    [
      "Splatt: compiling gsplat's CUDA kernels, once, which takes minutes",
      { kind: "preparing", what: "compiling gsplat's CUDA kernels, once, which takes minutes" },
    ],
    [
      "Done loading Nerfstudio checkpoint from out/splat/splatfacto/run/nerfstudio_models/step-000001499.ckpt",
      { kind: "preparing", what: "resuming from a checkpoint" },
    ],
    ["No Nerfstudio checkpoint to load, so training from scratch.", null],
    ["╭─────────────────────── 🎉 Training Finished 🎉 ───────────────────────╮", { kind: "finished" }],
    [
      "Loading latest checkpoint from load_dir",
      { kind: "preparing", what: "measuring quality on held-out frames" },
    ],
    ["│   Config File          │ out/splat/splatfacto/run/config.yml          │", null],
    ["    steps_per_save=2000,", null],
  ])("reads %j", (line, event) => {
    expect(parseTrainLine(line)).toEqual(event);
  });
});
