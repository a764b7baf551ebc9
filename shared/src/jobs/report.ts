import { z } from "zod";
import { CaptureReport, ResultVerdict } from "../capture.ts";
import { EngineName } from "../engines.ts";
import { STAGES } from "../progress.ts";

/** Quality of the trained splat. PSNR (dB) and SSIM are means over the held-out frames. */
export const TrainReport = z.object({
  gaussians: z.int().nonnegative().describe("Gaussians in the result."),
  iterations: z.int().nonnegative().describe("Training steps that were done."),
  sh_degree: z.int().min(0).max(4).describe("Degree of the spherical harmonics."),
  width: z.int().positive().describe("Width of the training images, in pixels."),
  height: z.int().positive().describe("Height of the training images, in pixels."),
  held_out_frames: z.int().nonnegative().describe("Frames that training never saw, kept to measure quality."),
  psnr: z
    .number()
    .nullable()
    .describe("Mean PSNR over the held-out frames, in dB; null when it was not measured."),
  ssim: z
    .number()
    .nullable()
    .describe("Mean SSIM over the held-out frames, at most 1; null when it was not measured."),
  psnr_color_corrected: z
    .number()
    .nullable()
    .optional()
    .describe(
      "The same as psnr, with each rendering fitted to the brightness and tint of its frame; absent where the engine does not measure it.",
    ),
  psnr_given_poses: z
    .number()
    .nullable()
    .optional()
    .describe(
      "The same as psnr with the held-out cameras as they were given, where the training refined the poses. There, psnr is that of held-out cameras fitted to the splat.",
    ),
  exposure_spread: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      "How much the exposure differs between frames, where the training compensated for it: 0.1 is ±10 %.",
    ),
  pruned_gaussians: z
    .int()
    .positive()
    .optional()
    .describe(
      "Gaussians left out of the result because hardly any camera sees them, they hang in front of a camera, or they are far fog. Held-out frames are no worse without them.",
    ),
  note: z.string().max(500).optional().describe("What deviates from the request, and why."),
  psnr_doubt: z.string().max(300).optional().describe("Why the PSNR cannot be true, in a sentence."),
  warnings: z
    .array(z.string().max(300))
    .max(16)
    .optional()
    .describe("What is odd about the result, a sentence each."),
});
export type TrainReport = z.infer<typeof TrainReport>;

export const StageTiming = z.object({
  stage: z.enum(STAGES).describe("A stage of the pipeline."),
  seconds: z.number().nonnegative().describe("How long the stage took."),
  reused: z.boolean().describe("Finished by an earlier attempt and reused."),
});
export type StageTiming = z.infer<typeof StageTiming>;

/** The agent's report at the end of an attempt, whatever its outcome. */
export const JobReport = z.object({
  engine: z
    .object({
      name: EngineName.describe("The engine."),
      version: z.string().nullable().describe("The engine's version; null where unknown."),
      reason: z.string().describe("Why this engine was chosen."),
    })
    .nullable()
    .describe("The engine that trained, or was chosen to; null when the attempt ended before the choice."),
  capture: CaptureReport.nullable().describe("What the poses stage found; null when it did not finish."),
  train: TrainReport.nullable().describe("Quality of the splat; null when training did not finish."),
  result: ResultVerdict.nullable()
    .optional()
    .describe("How good the splat is; null until it is known, absent from agents of older versions."),
  stages: z.array(StageTiming).max(32).describe("The finished stages, in order."),
});
export type JobReport = z.infer<typeof JobReport>;
