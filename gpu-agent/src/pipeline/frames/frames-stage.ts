import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import { z } from "zod";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import { takePhotos } from "../photos/take-photos.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import { chooseFrames } from "./choose-frames.ts";
import { removeCandidates } from "./decode.ts";
import { decodeUntilPlanned } from "./decode-passes.ts";
import type { FrameOptions } from "./frame-plan.ts";
import { readSignature } from "./images.ts";
import { canMapTones, type FramesConfig, readInputVideo } from "./input-video.ts";
import { judgeCount } from "./judge-frames.ts";
import { videoNotes } from "./video-notes.ts";

export interface FramesInput {
  /** A video, or an archive of photos. Only this file is read, whatever other files it references. */
  readonly file: string;
  readonly options: FrameOptions;
}

/** Frames of a video. */
export const VideoFrames = z.object({
  /** The stage's folder holds frame_00001.jpg to frame_<count>.jpg. */
  count: z.int().positive(),
  /** Pixels of the frames. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** Frames per second of video, after the cap on their number. */
  fps: z.number().positive(),
  /** Seconds of the video that the frames cover. */
  start_sec: z.number().nonnegative(),
  end_sec: z.number().positive(),
  /** When each frame is shown in the video: seconds after its beginning. */
  times: z.array(z.number().nonnegative()),
  /** Notes for the person who sent the video. */
  notes: z.array(z.string()),
});
export type VideoFrames = z.infer<typeof VideoFrames>;

export type FramesOutput = VideoFrames | PhotoFrames;

/** Bump when the same video and options give different frames. */
const REVISION = 3;
/**
 * Extracts still frames at the requested rate: the sharpest picture near each frame's time. From an archive, takes the
 * photos.
 *
 * Fails with `video_corrupt`, `video_unsupported`, `video_size_unsupported`, `video_no_stream`, `video_encrypted`,
 * `video_spherical`, `video_dolby_vision`, `image_still`, `image_animated`, `image_motion_photo`, `time_range_empty`,
 * `too_few_frames`, `ffmpeg_failed`, `tool_unsupported`, `disk_full`, and what `runTool` and `takePhotos` return.
 */
export function createFramesStage(config: FramesConfig): Stage<FramesInput, FramesOutput> {
  const { maxLongSide, maxFrames, minFrames, maxCandidatesPerFrame } = config;
  return {
    name: "frames",
    token: "cpu",
    key: ({ options: { fps, start_sec, end_sec } }) => [
      REVISION,
      fps,
      start_sec,
      end_sec,
      maxLongSide,
      maxFrames,
      minFrames,
      maxCandidatesPerFrame,
    ],
    async run({ file, options }, context) {
      await removePictures(context.dir);
      if ((await readSignature(file)) !== "archive") return takeFrames(config, { file, options }, context);
      const { size } = await stat(file);
      return takePhotos(config, { file, bytes: size, options }, context);
    },
  };
}

async function takeFrames(
  config: FramesConfig,
  input: FramesInput,
  context: StageContext,
): Promise<StageResult<VideoFrames>> {
  context.report({ fraction: 0, message: "reading the video" });
  const video = await readInputVideo(config, input.file, context);
  if (!video.ok) return video;
  const toneMap = await canMapTones(config, video.value.film, context);
  if (!toneMap.ok) return toneMap;
  const pass = await decodeUntilPlanned(config, video.value, input.options, toneMap.value, context);
  if (!pass.ok) return pass;

  const { plan, decoded, request, times } = pass.value;
  if (!request.bars && decoded.greys.isPanorama()) {
    return err(failure("video_spherical", "Its pictures are twice as wide as high and wrap around."));
  }
  const { frames, repeats, missing } = chooseFrames(plan.windows, decoded.candidates);
  context.log.info({ frames: frames.length, repeats, missing }, "chose the frames");
  const tooFew = judgeCount(frames.length, repeats, plan, config.minFrames, decoded.errors);
  if (tooFew) return err(tooFew);
  await keepFrames(
    context.dir,
    frames.flatMap((index) => decoded.candidates[index]?.name ?? []),
  );
  const notes = [...videoNotes(video.value, pass.value), ...plan.notes];
  if (!toneMap.value) notes.push("The HDR colours look pale: the agent's ffmpeg lacks zscale or tonemap.");
  if (repeats > 0) notes.push(`${repeats} frames that repeat the previous one were left out.`);
  if (missing > 1)
    notes.push(`Only ${plan.windows.length - missing} of ${plan.windows.length} frames could be decoded.`);
  const { width, height } = request.frameSize;
  const count = frames.length;
  context.report({ fraction: 1, message: [`${count} frames of ${width}×${height}`, ...notes].join(". ") });
  return ok({
    count,
    width,
    height,
    fps: round(plan.fps),
    start_sec: round(plan.start),
    end_sec: round(plan.end),
    times: frames.map((index) => round(times.times[request.picks[index] ?? 0] ?? 0)),
    notes,
  });
}

/** Renames the chosen candidates to frame_00001.jpg and so on, and removes the others. */
async function keepFrames(dir: string, candidates: readonly string[]): Promise<void> {
  for (const [i, candidate] of candidates.entries()) {
    await rename(join(dir, candidate), join(dir, `frame_${String(i + 1).padStart(5, "0")}.jpg`));
  }
  await removeCandidates(dir);
}

const LEFTOVER = /^(?:(?:frame|photo)_\d+\.jpg|encoded_\d+(?:\.jpg)?|archive\.tar)$/;

/** Removes the leftovers of an interrupted run. */
async function removePictures(dir: string): Promise<void> {
  await removeCandidates(dir);
  for (const name of await readdir(dir)) if (LEFTOVER.test(name)) await rm(join(dir, name));
}

/** Rounds away floating-point noise. */
function round(seconds: number): number {
  return Number(seconds.toFixed(6));
}
