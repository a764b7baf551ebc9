import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FRAME_LIMITS } from "@splatt/gpu-agent/pipeline/frames/frame-plan";
import { createFramesStage } from "@splatt/gpu-agent/pipeline/frames/frames-stage";
import { type ColmapProgram, colmapAt, pycolmapIn } from "@splatt/gpu-agent/pipeline/poses/colmap-program";
import { createPosesStage } from "@splatt/gpu-agent/pipeline/poses/poses-stage";
import { Preset } from "@splatt/shared";
import { execa } from "execa";
import { benchOptions } from "../bench-options.ts";
import { silentContext } from "../silent-context.ts";

/**
 * `npm run bench -- poses VIDEO [--ns-process-data PATH] [--colmap PATH] [--pycolmap PYTHON] [--fps N]
 * [--preset NAME]`: the time of the poses stage on a video, and the quality of the poses. Compares with the same stage
 * on pycolmap, and with nerfstudio's ns-process-data with its defaults and the same number of frames.
 */

const HOUR_MS = 3_600_000;

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const began = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - began) / 1000 };
}

async function runOurs(video: string, work: string, fps: number, preset: Preset, colmap: ColmapProgram) {
  const [framesDir, posesDir] = [join(work, `${colmap.kind}-frames`), join(work, `${colmap.kind}-poses`)];
  await mkdir(framesDir);
  await mkdir(posesDir);
  const frames = await createFramesStage({
    ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: HOUR_MS },
    ...FRAME_LIMITS,
  }).run(
    { files: [{ path: video, name: "video" }], options: { fps, start_sec: 0, end_sec: null } },
    silentContext(framesDir),
  );
  if (!frames.ok) throw new Error(`${frames.error.code}: ${frames.error.detail}`);
  const stage = createPosesStage({
    ...{ colmap: [colmap], gpu: false, threads: null },
    ...{ commandTimeoutMs: HOUR_MS, silenceMs: HOUR_MS },
  });
  const { value: poses, seconds } = await timed(() =>
    stage.run({ framesDir, frames: frames.value, preset, up: "auto" }, silentContext(posesDir)),
  );
  if (!poses.ok) {
    console.log(`| splatt | ${seconds.toFixed(1)} | ${poses.error.code}: ${poses.error.detail} | – |`);
    return { seconds, count: frames.value.count };
  }
  const { registered, mean_reprojection_error: error } = poses.value.capture;
  const placed = `${registered} of ${frames.value.count}`;
  const name = `splatt, COLMAP ${poses.value.colmap}`;
  console.log(`| ${name} | ${seconds.toFixed(1)} | ${placed} | ${error?.toFixed(2)} px |`);
  return { seconds, count: frames.value.count };
}

async function runNerfstudio(program: string, video: string, work: string, count: number): Promise<number> {
  const out = join(work, "nerfstudio");
  const target = ["--num-frames-target", String(count), "--no-gpu"];
  const { value: run, seconds } = await timed(() =>
    execa(program, ["video", "--data", video, "--output-dir", out, ...target], {
      env: { QT_QPA_PLATFORM: "offscreen", TERM: "dumb" },
      reject: false,
      all: true,
      stdin: "ignore",
    }),
  );
  const transforms = await readFile(join(out, "transforms.json"), "utf8").catch(() => null);
  if (transforms === null) console.log(String(run.all).split("\n").slice(-15).join("\n"));
  const placed = transforms === null ? "none" : String(JSON.parse(transforms).frames.length);
  console.log(`| ns-process-data | ${seconds.toFixed(1)} | ${placed} of ${count} | – |`);
  return seconds;
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    "ns-process-data": { type: "string" },
    colmap: { type: "string", default: "colmap" },
    pycolmap: { type: "string" },
    fps: { type: "string", default: "4" },
    preset: { type: "string", default: "standard" },
  },
});
const [videoArgument] = positionals;
if (videoArgument === undefined) throw new Error("Name a video: npm run bench -- poses VIDEO");
const video = resolve(process.env.INIT_CWD ?? process.cwd(), videoArgument);
const work = await mkdtemp(join(tmpdir(), "splatt-bench-"));
console.log(`${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores; ${values.preset}`);
console.log("\n| | seconds | frames registered | reprojection error |\n|---|---|---|---|");
try {
  const solve = (colmap: ColmapProgram) =>
    runOurs(video, work, Number(values.fps), Preset.parse(values.preset), colmap);
  const ours = await solve(colmapAt(values.colmap));
  if (values.pycolmap !== undefined) {
    const { seconds } = await solve(pycolmapIn(resolve(process.env.INIT_CWD ?? "", values.pycolmap)));
    console.log(`\nWith pycolmap it takes ${(seconds / ours.seconds).toFixed(2)} times as long.\n`);
  }
  const program = values["ns-process-data"];
  if (program !== undefined) {
    const theirs = await runNerfstudio(program, video, work, ours.count);
    console.log(`\nSplatt takes ${(ours.seconds / theirs).toFixed(2)} times as long as ns-process-data.`);
  }
} finally {
  await rm(work, { recursive: true });
}
