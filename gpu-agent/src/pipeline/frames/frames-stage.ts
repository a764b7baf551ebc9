import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import { takeArchive } from "../photos/take-archive.ts";
import { takeScene } from "../scene/take-scene.ts";
import type { Stage } from "../stage.ts";
import { removeCandidates } from "./decode.ts";
import type { FrameOptions } from "./frame-plan.ts";
import { readSignature } from "./images.ts";
import { type FramesConfig, readInputVideo } from "./input-video.ts";
import { takeFrames } from "./take-frames.ts";
import type { VideoFrames } from "./video-frames.ts";

export interface FramesInput {
  /**
   * A video, several videos of one scene, or an archive. Only these files are read, whatever other files they
   * reference.
   */
  readonly files: readonly SourceFile[];
  readonly options: FrameOptions;
}

export interface SourceFile {
  readonly path: string;
  /** For messages. */
  readonly name: string;
}

export type FramesOutput = VideoFrames | PhotoFrames;

/** Bump when the same video and options give different frames. */
const REVISION = 8;

/**
 * Extracts still frames at the requested rate: the sharpest picture near each frame's time. From an archive, takes the
 * photos and videos; several videos share the limit on frames.
 *
 * Fails with `video_corrupt`, `video_unsupported`, `video_size_unsupported`, `video_no_stream`, `video_encrypted`,
 * `video_spherical`, `video_dolby_vision`, `image_still`, `image_animated`, `image_motion_photo`, `time_range_empty`,
 * `too_few_frames`, `ffmpeg_failed`, `tool_unsupported`, `disk_full`, and what `runTool` and `takeArchive` return.
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
    async run({ files, options }, context) {
      await removePictures(context.dir);
      const [first, ...others] = files;
      if (first === undefined) throw new RangeError("no file");
      if (others.length > 0) return takeScene(config, { clips: files, photos: null }, options, context);
      if ((await readSignature(first.path)) === "archive") {
        return takeArchive(config, { file: first.path, options }, context);
      }
      context.report({ fraction: 0, message: "reading the video" });
      const video = await readInputVideo(config, first.path, context);
      return video.ok ? takeFrames(config, video.value, options, context) : video;
    },
  };
}

const LEFTOVER = /^(?:(?:frame|photo)_\d+\.jpg|encoded_\d+(?:\.jpg)?|archive\.tar|given|(?:part|video)_\d+)$/;

/** Removes the leftovers of an interrupted run. */
async function removePictures(dir: string): Promise<void> {
  await removeCandidates(dir);
  for (const name of await readdir(dir)) {
    if (LEFTOVER.test(name)) await rm(join(dir, name), { recursive: true });
  }
}
