import { rename } from "node:fs/promises";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import type { StageContext, StageResult } from "../stage.ts";
import { chooseFrames } from "./choose-frames.ts";
import { removeCandidates } from "./decode.ts";
import { decodeUntilPlanned, type FinalPass } from "./decode-passes.ts";
import { tracksLike } from "./film.ts";
import { frameName } from "./frame-name.ts";
import type { FrameOptions } from "./frame-plan.ts";
import { canMapTones, type FramesConfig, type InputVideo } from "./input-video.ts";
import { judgeCount } from "./judge-frames.ts";
import { senseGravity } from "./motion/sense-gravity.ts";
import type { VideoFrames } from "./video-frames.ts";
import { videoNotes } from "./video-notes.ts";

/** Extracts the frames of a video into the stage's folder, as frame_00001.jpg and so on. */
export async function takeFrames(
  config: FramesConfig,
  video: InputVideo,
  options: FrameOptions,
  context: StageContext,
): Promise<StageResult<VideoFrames>> {
  const toneMap = await canMapTones(config, video.film, context);
  if (!toneMap.ok) return toneMap;
  const pass = await decodeUntilPlanned(config, video, options, toneMap.value, context);
  if (!pass.ok) return pass;

  const { plan, decoded, request, times } = pass.value;
  const spherical = whySpherical(video, pass.value);
  if (spherical !== null) return err(failure("video_spherical", spherical));
  const { frames, repeats, missing } = chooseFrames(plan.windows, decoded.candidates);
  context.log.info({ frames: frames.length, repeats, missing }, "chose the frames");
  const tooFew = judgeCount(frames.length, repeats, plan, config.minFrames, decoded.errors);
  if (tooFew) return err(tooFew);
  await keepFrames(
    context.dir,
    frames.flatMap((index) => decoded.candidates[index]?.name ?? []),
  );
  const notes = [...videoNotes(video, pass.value), ...plan.notes];
  if (!toneMap.value) notes.push("The HDR colours look pale: the agent's ffmpeg lacks zscale or tonemap.");
  if (decoded.greys.lensCircles() > 0) {
    notes.push(
      "The pictures are round, as of a fisheye lens. Export a flat view of them, for straight lines.",
    );
  }
  if (repeats > 0) notes.push(`${repeats} frames that repeat the previous one were left out.`);
  if (missing > 1)
    notes.push(`Only ${plan.windows.length - missing} of ${plan.windows.length} frames could be decoded.`);
  const { width, height } = request.frameSize;
  const count = frames.length;
  context.report({ fraction: 1, message: [`${count} frames of ${width}×${height}`, ...notes].join(". ") });
  const seconds = frames.map((index) => round(times.times[request.picks[index] ?? 0] ?? 0));
  const gravity = video.part === null ? await senseGravity(video.path, seconds) : null;
  if (gravity !== null) context.log.info({ axes: gravity.axes }, "read the accelerometer");
  return ok({
    count,
    width,
    height,
    fps: round(plan.fps),
    start_sec: round(plan.start),
    end_sec: round(plan.end),
    times: seconds,
    ...(gravity === null ? {} : { gravity }),
    notes,
  });
}

/** How the pictures show that they were filmed all around; null when they do not. */
function whySpherical({ file, film }: InputVideo, { request, decoded: { greys } }: FinalPass): string | null {
  if (!request.bars && greys.isPanorama()) return "Its pictures are twice as wide as high and wrap around.";
  const lenses = greys.lensCircles() * tracksLike(film, file.videos);
  return lenses >= 2 ? "Its pictures are the circles of two fisheye lenses." : null;
}

/** Renames the chosen candidates to the frames' names, and removes the others. */
async function keepFrames(dir: string, candidates: readonly string[]): Promise<void> {
  for (const [i, candidate] of candidates.entries()) {
    await rename(join(dir, candidate), join(dir, frameName(i)));
  }
  await removeCandidates(dir);
}

/** Rounds away floating-point noise. */
function round(seconds: number): number {
  return Number(seconds.toFixed(6));
}
