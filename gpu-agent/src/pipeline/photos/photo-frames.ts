import { z } from "zod";

/** A camera, or a setting of its lens, that took some of the photos. */
export const PhotoCamera = z.object({
  /** Pixels of its frames. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** From the metadata, in pixels of the frames; null when unknown. */
  focal: z.number().positive().nullable(),
});
export type PhotoCamera = z.infer<typeof PhotoCamera>;

/** Frames made from photos: frame_00001.jpg to frame_<count>.jpg. */
export const PhotoFrames = z.object({
  count: z.int().positive(),
  cameras: z.array(PhotoCamera).min(1),
  /** Of each frame, in order. */
  photos: z.array(
    z.object({
      /** Index into `cameras`. */
      camera: z.int().nonnegative(),
      /** The photo's path in the archive. */
      path: z.string(),
      /** Degrees, and metres above the sea; null when unknown. */
      position: z
        .object({ latitude: z.number(), longitude: z.number(), altitude: z.number().nullable() })
        .nullable(),
    }),
  ),
  /** Whether neighbouring frames were taken one after the other, as far as the metadata tell. */
  order: z.enum(["time", "name"]),
  /** Notes for the person who sent the photos. */
  notes: z.array(z.string()),
});
export type PhotoFrames = z.infer<typeof PhotoFrames>;
