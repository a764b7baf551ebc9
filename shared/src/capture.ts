import { z } from "zod";

/** Passes of the camera solver, in the order in which they are considered. */
export const PASS_NAMES = [
  "first",
  "merged_models",
  "far_pairs",
  "relaxed",
  "missing_frames",
  "all_pairs",
  "finer_features",
] as const;
export const PassName = z.enum(PASS_NAMES);
export type PassName = z.infer<typeof PassName>;

/**
 * Which side of the pictures points up. `camera`: the side that faces the camera, as in pictures taken straight down.
 */
export const UpSide = z.enum(["top", "right", "bottom", "left", "camera"]);
export type UpSide = z.infer<typeof UpSide>;

export const UpChoice = z.enum(["auto", ...UpSide.options]);
export type UpChoice = z.infer<typeof UpChoice>;

/** How the result was turned upright. */
export const UpReport = z.object({
  side: UpSide.describe("The side of the pictures that points up, of most of them."),
  source: z
    .enum(["option", "positions", "gravity", "cameras", "ground", "pictures"])
    .describe(
      "What decided: the job's `up`, the photos' GPS positions, the accelerometer's readings in the video, how the cameras turned, a large plane in the scene, or nothing but the pictures' own top.",
    ),
  confidence: z.number().min(0).max(1).describe("How sure the direction is; below 0.3 it is a guess."),
});
export type UpReport = z.infer<typeof UpReport>;

/** How large the result is in the world. */
export const ScaleReport = z.object({
  metres_per_unit: z.number().positive().describe("Metres for each unit of transforms.json and the PLYs."),
  source: z
    .enum(["positions", "reference"])
    .describe("What it was measured by: the photos' GPS positions, or the job's `scale_reference`."),
  confidence: z
    .number()
    .min(0)
    .max(1)
    .describe("How well the positions fit the cameras, or how exactly the reference can be measured."),
});
export type ScaleReport = z.infer<typeof ScaleReport>;

/** What moves in the capture: people, screens, a hand. Only a scene that stands still can be reconstructed. */
export const MovingReport = z.object({
  frames: z.int().positive().describe("Placed frames in which something moves against the scene."),
  share: z
    .number()
    .min(0)
    .max(1)
    .describe("The share of the picture that moves, on average over all placed frames."),
  most: z
    .array(
      z.object({
        frame: z.int().positive().describe("The number in the frame's name: 12 is frame_00012.jpg."),
        photo: z.string().max(300).optional().describe("The photo's path in the archive."),
        share: z.number().min(0).max(1).describe("The share of this picture that moves."),
      }),
    )
    .max(16)
    .describe("The frames in which most moves, in order."),
});
export type MovingReport = z.infer<typeof MovingReport>;

/** How much of one of several videos is part of the reconstruction. */
export const VideoReport = z.object({
  name: z.string().max(300).describe("The video's file name."),
  frames: z.int().nonnegative().describe("Frames taken from it."),
  registered: z.int().nonnegative().describe("Those whose camera COLMAP has placed."),
});
export type VideoReport = z.infer<typeof VideoReport>;

/** A part of a video whose frames were not placed. */
export const MissingStretch = z.object({
  video: z.string().max(300).optional().describe("The video's file name, where several were sent."),
  from_sec: z
    .number()
    .nonnegative()
    .describe("Seconds after the video's beginning: its first missing frame."),
  to_sec: z.number().nonnegative().nullable().describe("The next placed frame; null at the video's end."),
  frames: z.int().positive().describe("Missing frames."),
});
export type MissingStretch = z.infer<typeof MissingStretch>;

/** What the poses stage found. */
export const CaptureReport = z.object({
  frames: z.int().nonnegative().describe("Frames taken for the reconstruction."),
  registered: z.int().nonnegative().describe("Frames whose camera COLMAP has placed."),
  points: z.int().nonnegative().describe("3D points of the reconstruction."),
  mean_reprojection_error: z.number().nonnegative().nullable().describe("Pixels."),
  verdict: z.enum(["good", "weak", "unusable"]).describe("How good the capture is for a splat."),
  advice: z.string().describe("What would make a better capture."),
  videos: z.array(VideoReport).max(64).optional().describe("Each video, where several were sent."),
  missing_stretches: z
    .array(MissingStretch)
    .max(1024)
    .optional()
    .describe("The parts of the videos that are not in the result, at most 16 of each."),
  missing_photos: z
    .array(z.string().max(300))
    .max(100)
    .optional()
    .describe("Photos that are not in the result, at most 100."),
  passes: z
    .array(
      z.object({
        pass: PassName.describe("What the pass added to the ones before."),
        seconds: z.number().nonnegative().describe("How long it took."),
        registered: z.int().nonnegative().describe("Frames placed."),
        kept: z.boolean().describe("Whether the result is this pass's."),
      }),
    )
    .max(16)
    .optional()
    .describe("The passes of the camera solver, in order."),
  view_spacing_degrees: z
    .number()
    .nonnegative()
    .optional()
    .describe("Median angle between a view and its nearest neighbour, as the scene sees them."),
  moving: MovingReport.optional().describe(
    "What moves against the scene and leaves blur or ghosts there; absent where nothing was found.",
  ),
  up: UpReport.optional().describe("How the result was turned upright."),
  scale: ScaleReport.optional().describe("The result's scale; absent where it is unknown."),
  scale_problem: z
    .string()
    .max(500)
    .optional()
    .describe("Why the job's `scale_reference` could not be used, where it could not."),
});
export type CaptureReport = z.infer<typeof CaptureReport>;

/** How good the splat is, as far as the held-out views tell. */
export const ResultVerdict = z.object({
  verdict: z
    .enum(["good", "weak", "poor", "unknown"])
    .describe("How good the splat is away from the views that it was trained on."),
  advice: z.string().max(1000).describe("What limits it, where, and what would help."),
  badly_covered: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      "The share of the scene's visible surface that few cameras see, all from one side, or that came out wrong; coverage.json says where. Absent where it was not measured.",
    ),
});
export type ResultVerdict = z.infer<typeof ResultVerdict>;
