import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Matrix4, writeShPly } from "@splatt/formats";
import { ok } from "@splatt/shared";
import { pino } from "pino";
import type { Engine } from "../../../../engines/engine.ts";
import { createExportStage } from "../../export-stage.ts";
import { FOCAL, GAUSSIANS, SIZE, testScene } from "./scene.ts";

const REPORT = {
  gaussians: GAUSSIANS,
  iterations: 1,
  sh_degree: 2,
  width: SIZE,
  height: SIZE,
  held_out_frames: 0,
  psnr: null,
  ssim: null,
};

/** Runs the export stage on the test scene, seen by one camera. @returns the folder of the result files */
export async function exportResults(dir: string, pose: Matrix4): Promise<string> {
  const model = join(dir, "model.ply");
  await writeShPly(model, testScene());
  const transforms = {
    ...{ camera_model: "OPENCV", w: SIZE, h: SIZE, fl_x: FOCAL, fl_y: FOCAL, cx: SIZE / 2, cy: SIZE / 2 },
    ...{ k1: 0, k2: 0, p1: 0, p2: 0, train_filenames: [], val_filenames: [], test_filenames: [] },
    frames: [{ file_path: "images/1.jpg", transform_matrix: pose }],
    applied_transform: pose.slice(0, 3),
    applied_scale: 1,
    ply_file_path: "sparse_pc.ply",
  };
  await writeFile(join(dir, "transforms.json"), JSON.stringify(transforms));
  const results = join(dir, "results");
  await mkdir(results);
  const engine: Engine = {
    name: "builtin",
    probe: async () => ({ name: "builtin", usable: true, version: null, reason: "" }),
    train: async () => ok({ report: REPORT, model }),
    exportSplats: async (_dir, _model, file) => {
      await copyFile(model, file);
      return ok(REPORT);
    },
  };
  const context = {
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    dir: results,
    report: () => undefined,
    toolOutput: () => undefined,
  };
  const stage = createExportStage(engine, null, GAUSSIANS);
  const done = await stage.run({ datasetDir: dir, trainDir: dir, model: { report: REPORT, model } }, context);
  if (!done.ok) throw new Error(done.error.detail);
  if (done.value.missing.length > 0) throw new Error(JSON.stringify(done.value.missing));
  return results;
}
