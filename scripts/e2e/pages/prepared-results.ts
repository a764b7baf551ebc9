import { copyFile, cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cachedBuild } from "@splatt/control-plane/build-cache";
import { emptySplatCloud, type Matrix4, writeShPly } from "@splatt/formats";
import { createLogger } from "@splatt/gpu-agent/log";
import { createExportStage } from "@splatt/gpu-agent/pipeline/export/export-stage";
import { LOG_FILE, ok, type TrainReport } from "@splatt/shared";

const WIDTH = 320;
const HEIGHT = 240;
const GAUSSIANS = 3000;
const CAMERAS = 12;
const DISTANCE = 3;

export const REPORT: TrainReport = {
  gaussians: GAUSSIANS,
  iterations: 100,
  sh_degree: 1,
  width: WIDTH,
  height: HEIGHT,
  held_out_frames: 2,
  psnr: 24,
  ssim: 0.9,
};

const CURVES = {
  loss: [0, 50, 100].map((step) => [step, 1 / (step + 1)]),
  psnr: [0, 50, 100].map((step) => [step, 20 + step / 25]),
  gaussians: [],
};

/** The lines of the log of the prepared job. */
export const LOG_LINES = Array.from({ length: 400 }, (_, line) => `train: step ${line} of 400`);

/** What the files are made of. */
const SOURCES = [
  "pnpm-lock.yaml",
  "scripts/e2e/pages/prepared-results.ts",
  "{shared,gpu-agent,gpu-agent/cpu-trainer,gpu-agent/formats}/{package.json,src/**}",
];

/**
 * Copies of the result files of a small job. They are made once for all tests that show them.
 *
 * @returns their paths
 */
export async function copyResults(dir: string): Promise<string[]> {
  const made = await cachedBuild({
    name: "prepared-results",
    sources: SOURCES,
    make: async (folder) => {
      const work = join(folder, "work");
      for (const file of await makeResults(work)) await rename(file, join(folder, basename(file)));
      await rm(work, { recursive: true });
    },
  });
  await cp(made, dir, { recursive: true });
  return (await readdir(dir)).map((name) => join(dir, name));
}

/**
 * The result files of a small job, made by the agent's own export: a ball whose quarters have different colours, so
 * that a picture that is mirrored or upside down is another picture.
 *
 * @returns their paths
 */
export async function makeResults(dir: string, gaussians = GAUSSIANS): Promise<string[]> {
  const dataset = join(dir, "dataset");
  await mkdir(join(dataset, "images"), { recursive: true });
  const model = join(dir, "model.ply");
  await writeBall(model, gaussians);
  const frames = await Promise.all(
    Array.from({ length: CAMERAS }, async (_, index) => {
      const file_path = `images/${index}.svg`;
      await writeFile(join(dataset, file_path), photo());
      return { file_path, transform_matrix: cameraAt((2 * Math.PI * index) / CAMERAS, 0.02 * index) };
    }),
  );
  const names = frames.map(({ file_path }) => file_path);
  const transforms = {
    ...{
      camera_model: "OPENCV",
      w: WIDTH,
      h: HEIGHT,
      fl_x: WIDTH,
      fl_y: WIDTH,
      cx: WIDTH / 2,
      cy: HEIGHT / 2,
    },
    ...{ k1: 0, k2: 0, p1: 0, p2: 0, applied_scale: 1, ply_file_path: "sparse_pc.ply" },
    ...{ train_filenames: names.slice(2), val_filenames: [], test_filenames: names.slice(0, 2), frames },
    applied_transform: cameraAt(0, 0).slice(0, 3),
  };
  await writeFile(join(dataset, "transforms.json"), JSON.stringify(transforms));
  const results = join(dir, "results");
  await mkdir(results);
  const stage = createExportStage({
    name: "builtin",
    probe: async () => ({ name: "builtin", usable: true, version: null, reason: "" }),
    train: async () => ok({ report: REPORT, model }),
    exportSplats: async (_dir, _model, file) => {
      await copyFile(model, file);
      return ok(REPORT);
    },
  });
  const done = await stage.run(
    { datasetDir: dataset, trainDir: dir, model: { report: REPORT, model } },
    {
      signal: new AbortController().signal,
      log: createLogger({ level: "silent", format: "json" }),
      dir: results,
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
  if (!done.ok) throw new Error(done.error.detail);
  if (done.value.missing.length > 0) throw new Error(JSON.stringify(done.value.missing));
  await writeFile(join(results, "metrics.json"), JSON.stringify({ views: done.value.views, curves: CURVES }));
  await writeFile(join(results, LOG_FILE), `${LOG_LINES.join("\n")}\n`);
  return [...done.value.files, "metrics.json", LOG_FILE].map((name) => join(results, name));
}

/** A ball around the origin, with z up. */
async function writeBall(file: string, gaussians: number): Promise<void> {
  const cloud = emptySplatCloud(gaussians, 1);
  // More gaussians are smaller ones, as in a real splat.
  const logScale = Math.log(0.05 * Math.sqrt(GAUSSIANS / gaussians));
  for (let i = 0; i < gaussians; i++) {
    const z = 1 - (2 * (i + 0.5)) / gaussians;
    const angle = i * 2.399963;
    const radius = Math.sqrt(1 - z * z);
    const y = radius * Math.sin(angle);
    cloud.positions.set([radius * Math.cos(angle), y, z], 3 * i);
    cloud.logScales.fill(logScale, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 5;
    cloud.dc.set([z > 0 ? -1.7 : 1.7, z > 0 ? 1.7 : -1.7, y > 0 ? 1.7 : -1.7], 3 * i);
    cloud.rest.fill(0.01, 9 * i, 9 * i + 9);
  }
  await writeShPly(file, cloud);
}

/** A camera that circles the origin at a height, and looks at a point a little above it. */
function cameraAt(angle: number, aimAt: number): Matrix4 {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const length = Math.hypot(DISTANCE, aimAt);
  const [back, up] = [DISTANCE / length, -aimAt / length];
  return [
    [-sin, -cos * up, cos * back, DISTANCE * cos],
    [cos, -sin * up, sin * back, DISTANCE * sin],
    [0, back, up, 0],
    [0, 0, 0, 1],
  ];
}

/** What a photo of the ball looks like, more or less. */
function photo(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%"/><circle cx="50%" cy="50%" r="107" fill="#7f7f7f"/></svg>`;
}
