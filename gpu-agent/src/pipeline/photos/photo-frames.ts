import { z } from "zod";
import { SensedGravity } from "../frames/motion/sense-gravity.ts";

/** A camera, or a setting of its lens, that took some of the photos. */
export const PhotoCamera = z.object({
  /** Pixels of its frames. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** From the metadata, in pixels of the frames; null when unknown. */
  focal: z.number().positive().nullable(),
});
export type PhotoCamera = z.infer<typeof PhotoCamera>;

/** A video of several: its frames are consecutive. */
export const SceneVideo = z.object({
  name: z.string(),
  /** Index of its first frame. */
  from: z.int().nonnegative(),
  count: z.int().nonnegative(),
  /** Frames per second of video. */
  fps: z.number().positive(),
  start_sec: z.number().nonnegative(),
  /** When each frame is shown: seconds after the video's beginning. */
  times: z.array(z.number().nonnegative()).default([]),
  /** By its camera's accelerometer; absent when the file has no readings. */
  gravity: SensedGravity.optional(),
});
export type SceneVideo = z.infer<typeof SceneVideo>;

/** Frames made from photos, from several videos, or from both: frame_00001.jpg to frame_<count>.jpg. */
export const PhotoFrames = z.object({
  count: z.int().positive(),
  cameras: z.array(PhotoCamera).min(1),
  /** Of each frame, in order. */
  photos: z.array(
    z.object({
      /** Index into `cameras`. */
      camera: z.int().nonnegative(),
      /** The photo's path in the archive; for a frame of a video, the video's. */
      path: z.string(),
      /** Degrees, and metres above the sea; null when unknown. */
      position: z
        .object({ latitude: z.number(), longitude: z.number(), altitude: z.number().nullable() })
        .nullable(),
    }),
  ),
  /** The videos, in order; the frames of none of them are photos. */
  videos: z.array(SceneVideo).default([]),
  /** Whether neighbouring frames were taken one after the other, as far as the metadata tell. */
  order: z.enum(["time", "name"]),
  /** Notes for the person who sent the photos. */
  notes: z.array(z.string()),
  /** What the camera poses were read from, where they came with the images; see given-poses. */
  given: z.enum(["transforms.json", "COLMAP model"]).optional(),
});
export type PhotoFrames = z.infer<typeof PhotoFrames>;
