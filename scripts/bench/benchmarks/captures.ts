import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FRAME_LIMITS } from "@splatt/gpu-agent/pipeline/frames/frame-plan";
import { createFramesStage } from "@splatt/gpu-agent/pipeline/frames/frames-stage";
import { colmapAt } from "@splatt/gpu-agent/pipeline/poses/colmap-program";
import { createPosesStage } from "@splatt/gpu-agent/pipeline/poses/poses-stage";
import { type Camera, cameraAt, encodeVideo, renderFrames } from "@splatt/sample-clip";
import { type CaptureReport, Preset } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";
import { silentContext } from "../silent-context.ts";

/**
 * `npm run bench -- captures [NAME ...] [--preset NAME] [--colmap PATH]`: the poses stage on rendered captures,
 * easy and hard. Prints the registered frames, the reprojection error and the time.
 */

interface Capture {
  readonly name: string;
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** @param t 0 at the first frame, 1 at the last */
  readonly camera: (t: number, focal: number) => Camera;
  /** The fraction of the frame interval for which the shutter is open. */
  readonly shutter?: number;
  /** The factor applied to the picture's values. */
  readonly gain?: (t: number) => number;
  /** The remaining contrast, 0–1. */
  readonly contrast?: number;
}

const LANDSCAPE = { width: 640, height: 360 };
const PORTRAIT = { width: 360, height: 640 };
const BLUR_STEPS = 6;
const FPS = 4;
const HOUR_MS = 3_600_000;

function orbit(degrees: number, distance = 5.4, height = 2.2): Capture["camera"] {
  return (t, focal) => {
    const angle = ((t * degrees - degrees / 2) * Math.PI) / 180;
    return cameraAt([Math.sin(angle) * distance, -Math.cos(angle) * distance, height], [0, 0.1, 0.4], focal);
  };
}

const CAPTURES: readonly Capture[] = [
  { name: "turntable", ...LANDSCAPE, frames: 60, camera: orbit(360) },
  { name: "portrait", ...PORTRAIT, frames: 40, camera: orbit(120) },
  {
    name: "forward",
    ...LANDSCAPE,
    frames: 40,
    camera: (t, focal) => cameraAt([0.5, -7 + 4.2 * t, 1.4], [0, 6, 0.6], focal),
  },
  {
    name: "sideways",
    ...LANDSCAPE,
    frames: 40,
    camera: (t, focal) => cameraAt([-3 + 6 * t, -5.5, 1.6], [-3 + 6 * t, 0, 0.6], focal),
  },
  { name: "fast and blurred", ...LANDSCAPE, frames: 30, camera: orbit(150), shutter: 0.5 },
  { name: "exposure", ...LANDSCAPE, frames: 40, camera: orbit(120), gain: (t) => 0.5 + 0.9 * t },
  { name: "low contrast", ...LANDSCAPE, frames: 40, camera: orbit(120), contrast: 0.15 },
];

async function* picturesOf(capture: Capture): AsyncGenerator<Uint8Array> {
  const { frames, width, height, shutter = 0 } = capture;
  const steps = shutter > 0 ? BLUR_STEPS : 1;
  const focal = 0.8 * Math.max(width, height);
  const cameras = Array.from({ length: frames * steps }, (_, i) => {
    const within = (shutter * (i % steps)) / steps;
    return capture.camera((Math.floor(i / steps) + within) / (frames - 1), focal);
  });
  const mean = new Float32Array(3 * width * height);
  let done = 0;
  for await (const pixels of renderFrames(cameras, { width, height })) {
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + (pixels[i] ?? 0) / steps;
    done++;
    if (done % steps > 0) continue;
    const gain = capture.gain?.(done / cameras.length) ?? 1;
    const contrast = capture.contrast ?? 1;
    yield Uint8Array.from(mean, (value) => {
      return Math.max(0, Math.min(255, 128 + contrast * (gain * value - 128)));
    });
    mean.fill(0);
  }
}

async function solve(capture: Capture, preset: Preset, colmap: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const [video, framesDir, dir] = [join(work, "video.mp4"), join(work, "frames"), join(work, "poses")];
  await mkdir(framesDir);
  await mkdir(dir);
  try {
    const { width, height } = capture;
    const made = await encodeVideo(video, { ffmpeg: "ffmpeg", width, height, fps: FPS }, picturesOf(capture));
    if (!made.ok) throw new Error(made.error.detail);
    const frames = await createFramesStage({
      ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: HOUR_MS },
      ...FRAME_LIMITS,
    }).run(
      { files: [{ path: video, name: "video" }], options: { fps: FPS, start_sec: 0, end_sec: null } },
      silentContext(framesDir),
    );
    if (!frames.ok) throw new Error(frames.error.detail);
    const stage = createPosesStage({
      ...{
        colmap: [colmapAt(colmap)],
        gpu: false,
        threads: null,
        commandTimeoutMs: HOUR_MS,
        silenceMs: HOUR_MS,
      },
    });
    const began = performance.now();
    const poses = await stage.run(
      { framesDir, frames: frames.value, preset, up: "auto" },
      silentContext(dir),
    );
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const row = poses.ok ? describeReport(poses.value.capture) : `${poses.error.code} | – | –`;
    console.log(`| ${capture.name} | ${row} | ${seconds} |`);
  } finally {
    await rm(work, { recursive: true });
  }
}

function describeReport({ registered, frames, mean_reprojection_error, passes = [] }: CaptureReport): string {
  const kept = passes.find((pass) => pass.kept)?.pass ?? "–";
  return `${registered} of ${frames} | ${mean_reprojection_error?.toFixed(2)} px | ${passes.length} (${kept})`;
}

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "standard" },
    colmap: { type: "string", default: "colmap" },
  },
});
console.log("| capture | frames registered | reprojection error | passes | seconds |\n|---|---|---|---|---|");
for (const capture of CAPTURES) {
  if (positionals.length > 0 && !positionals.includes(capture.name)) continue;
  await solve(capture, Preset.parse(values.preset), values.colmap);
}
