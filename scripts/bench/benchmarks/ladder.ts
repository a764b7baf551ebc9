import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { frameName } from "@splatt/gpu-agent/pipeline/frames/frame-name";
import { FRAME_LIMITS } from "@splatt/gpu-agent/pipeline/frames/frame-plan";
import { createFramesStage } from "@splatt/gpu-agent/pipeline/frames/frames-stage";
import type { ColmapModel } from "@splatt/gpu-agent/pipeline/poses/colmap-model";
import { colmapAt } from "@splatt/gpu-agent/pipeline/poses/colmap-program";
import { meanReprojectionError } from "@splatt/gpu-agent/pipeline/poses/model-facts";
import { readModel } from "@splatt/gpu-agent/pipeline/poses/model-files";
import { applySimilarity, cameraPose } from "@splatt/gpu-agent/pipeline/poses/normalize";
import { createPosesStage } from "@splatt/gpu-agent/pipeline/poses/poses-stage";
import { fitSimilarity, spread } from "@splatt/gpu-agent/pipeline/poses/similarity-fit";
import { subtract, type Vector3 } from "@splatt/gpu-agent/pipeline/poses/vectors";
import { Preset } from "@splatt/shared";
import { execa } from "execa";
import { benchOptions } from "../bench-options.ts";
import { silentContext } from "../silent-context.ts";

/**
 * `npm run bench -- ladder CAPTURE ... [--preset NAME] [--colmap PATH] [--fps N] [--truth FOLDER]`: the ladder of passes against COLMAP
 * by hand, on the same frames: COLMAP's own features, exhaustive matching, and a mapper with relaxed thresholds. A
 * capture is a video, or a folder of photos. Times are those of the processor, because both use all cores. On Linux.
 */

const HOUR_MS = 3_600_000;
// The time of processes in the sandbox is not added to that of their parent.
process.env.SANDBOX = "off";

/** Seconds that this process and the children it has waited for used the processor. */
async function processorSeconds(): Promise<number> {
  const fields = (await readFile("/proc/self/stat", "utf8")).replace(/^.*\) /, "").split(" ");
  const TICKS_PER_SECOND = 100;
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const began = await processorSeconds();
  const value = await work();
  return { value, seconds: (await processorSeconds()) - began };
}

/** Accepts weaker evidence than COLMAP does by default. */
const RELAXED = {
  min_num_matches: 8,
  init_min_num_inliers: 40,
  init_min_tri_angle: 4,
  abs_pose_min_num_inliers: 12,
  abs_pose_min_inlier_ratio: 0.15,
};

/** Where a camera was, by the name of its picture. */
type Truth = ReadonlyMap<string, Vector3>;

/**
 * Reads surveyed cameras in the format of Strecha et al. 2008: PICTURE.camera, with the position on the line before the
 * last.
 */
async function readTruth(folder: string): Promise<Truth> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".camera"));
  const places = names.map(async (name): Promise<[string, Vector3]> => {
    const lines = (await readFile(join(folder, name), "utf8")).trim().split("\n");
    const [x = 0, y = 0, z = 0] = (lines.at(-2) ?? "").trim().split(/\s+/).map(Number);
    return [name.slice(0, -".camera".length), [x, y, z]];
  });
  return new Map(await Promise.all(places));
}

/**
 * The root mean square distance of a model's cameras from the surveyed ones, in the survey's unit; null for too few.
 */
function distanceFrom(truth: Truth, { images }: ColmapModel, pictures: ReadonlyMap<string, string>) {
  const pairs = images.flatMap((image): [Vector3, Vector3][] => {
    const place = truth.get(pictures.get(image.name) ?? "");
    return place === undefined ? [] : [[cameraPose(image).position, place]];
  });
  const fit = fitSimilarity(
    pairs.map(([solved]) => solved),
    pairs.map(([, surveyed]) => surveyed),
  );
  return fit && spread(pairs.map(([solved, surveyed]) => subtract(applySimilarity(fit, solved), surveyed)));
}

/** @returns the largest model */
async function byHand(colmap: string, images: string, work: string): Promise<ColmapModel | null> {
  const [database, sparse] = [join(work, "hand.db"), join(work, "hand")];
  await mkdir(sparse);
  const run = (command: string, args: readonly string[]) =>
    execa(colmap, [command, "--database_path", database, ...args], {
      ...{ env: { QT_QPA_PLATFORM: "offscreen" }, reject: false, stdin: "ignore" },
    });
  const { stdout: help } = await run("feature_extractor", ["--help"]);
  const [extraction, matching] = help.includes("--FeatureExtraction.use_gpu")
    ? ["FeatureExtraction", "FeatureMatching"]
    : ["SiftExtraction", "SiftMatching"];
  await run("feature_extractor", ["--image_path", images, `--${extraction}.use_gpu`, "0"]);
  await run("exhaustive_matcher", [`--${matching}.use_gpu`, "0"]);
  const relaxed = Object.entries(RELAXED).flatMap(([name, value]) => [`--Mapper.${name}`, String(value)]);
  await run("mapper", ["--image_path", images, "--output_path", sparse, ...relaxed]);
  let best: ColmapModel | null = null;
  for (const name of await readdir(sparse)) {
    const model = await readModel(join(sparse, name));
    if (!model.ok) throw new Error(model.error);
    if (best === null || model.value.images.length > best.images.length) best = model.value;
  }
  return best;
}

/** Frames placed, the mean reprojection error, and the distance from the truth. */
function described(model: ColmapModel | null, count: number, off: number | null): string {
  if (model === null) return "none";
  const error = meanReprojectionError(model);
  const parts = [
    `${model.images.length} of ${count}`,
    ...(error === null ? [] : [`${error.toFixed(2)} px`]),
    ...(off === null ? [] : [`off by ${off.toPrecision(2)}`]),
  ];
  return parts.join(", ");
}

async function compare(
  capture: string,
  preset: Preset,
  colmap: string,
  fps: number,
  truth: Truth,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const [framesDir, posesDir, archive] = [
    join(work, "frames"),
    join(work, "poses"),
    join(work, "photos.tar"),
  ];
  await mkdir(framesDir);
  await mkdir(posesDir);
  try {
    const isFolder = (await stat(capture)).isDirectory();
    if (isFolder) await execa("tar", ["-cf", archive, "-C", capture, "."]);
    const path = isFolder ? archive : capture;
    const frames = await createFramesStage({
      ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: HOUR_MS },
      ...FRAME_LIMITS,
    }).run(
      { files: [{ path, name: basename(capture) }], options: { fps, start_sec: 0, end_sec: null } },
      silentContext(framesDir),
    );
    if (!frames.ok) throw new Error(`${frames.error.code}: ${frames.error.detail}`);
    const stage = createPosesStage({
      ...{ colmap: [colmapAt(colmap)], gpu: false, threads: null },
      ...{ commandTimeoutMs: HOUR_MS, silenceMs: HOUR_MS },
    });
    const ours = await timed(() =>
      stage.run({ framesDir, frames: frames.value, preset, up: "auto" }, silentContext(posesDir)),
    );
    const hand = await timed(() => byHand(colmap, framesDir, work));
    const poses = ours.value;
    const report = poses.ok ? poses.value.capture : null;
    const { count } = frames.value;
    const pictures = new Map(
      "photos" in frames.value
        ? frames.value.photos.map(({ path }, i) => [frameName(i), basename(path)])
        : [],
    );
    const off = (model: ColmapModel | null) => model && distanceFrom(truth, model, pictures);
    const solved = await readModel(join(posesDir, "colmap", "sparse", "0"));
    const own = solved.ok ? solved.value : null;
    const passes = report?.passes?.map(({ pass, kept }) => (kept ? `**${pass}**` : pass)).join(", ") ?? "";
    const row = [
      basename(capture),
      described(own, count, off(own)),
      ours.seconds.toFixed(0),
      described(hand.value, count, off(hand.value)),
      hand.seconds.toFixed(0),
      passes,
      report?.verdict ?? (poses.ok ? "" : poses.error.code),
    ];
    console.log(`| ${row.join(" | ")} |`);
    console.error(poses.ok ? JSON.stringify(poses.value.capture, null, 1) : poses.error.detail);
  } finally {
    await rm(work, { recursive: true });
  }
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "standard" },
    colmap: { type: "string", default: "colmap" },
    fps: { type: "string", default: "4" },
    truth: { type: "string" },
  },
});
if (positionals.length === 0) throw new Error("Name a capture: npm run bench -- ladder CAPTURE");
console.log(
  "| capture | frames placed | seconds | by hand | seconds | passes | verdict |\n|---|---|---|---|---|---|---|",
);
const from = process.env.INIT_CWD ?? process.cwd();
const truth = values.truth === undefined ? new Map() : await readTruth(resolve(from, values.truth));
for (const capture of positionals) {
  const path = resolve(from, capture);
  await compare(path, Preset.parse(values.preset), values.colmap, Number(values.fps), truth).catch((error) =>
    console.log(`| ${basename(capture)} | ${error} |`),
  );
}
