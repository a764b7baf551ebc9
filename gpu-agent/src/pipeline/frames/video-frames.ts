import { z } from "zod";
import { SensedGravity } from "./motion/sense-gravity.ts";

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
  /** By the camera's accelerometer; absent when the file has no readings. */
  gravity: SensedGravity.optional(),
  /** Notes for the person who sent the video. */
  notes: z.array(z.string()),
});
export type VideoFrames = z.infer<typeof VideoFrames>;
