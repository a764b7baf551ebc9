import { z } from "zod";
import { UpChoice } from "../capture.ts";
import { EngineChoice } from "../engines.ts";
import { laxNumber } from "../lax-number.ts";
import { ScaleReference } from "../scale-reference.ts";

export const Preset = z.enum(["draft", "standard", "high"]);
export type Preset = z.infer<typeof Preset>;

/** The options of a job that the agent follows. */
export const JobOptions = z.object({
  iterations: laxNumber(z.int().min(1).max(1_000_000)).default(5000).describe("Training steps."),
  fps: laxNumber(z.number().positive().max(120))
    .default(4)
    .describe("Frames per second of video. Not for photos and datasets."),
  start_sec: laxNumber(z.number().min(0))
    .default(0)
    .describe("Start of the range, in seconds; of several videos, of each. Not for photos and datasets."),
  end_sec: laxNumber(z.number().positive())
    .nullable()
    .default(null)
    .describe("End of the range, in seconds; null means the end of the video."),
  engine: EngineChoice.default("auto").describe("What trains the splat. auto chooses among the GPU engines."),
  preset: Preset.default("standard").describe("How much work goes into quality."),
  up: UpChoice.default("auto").describe(
    "Which side of the pictures points up. auto decides from the photos' positions, the cameras and the scene; camera is for pictures taken straight down.",
  ),
  scale_reference: ScaleReference.nullable()
    .default(null)
    .describe(
      "A known distance in the scene: report.capture.scale then has the metres of one unit. Also as a text: `12,40=0.8` for the cameras of frames 12 and 40, 0.8 m apart; `2.5s` is a time, other names are photos.",
    ),
  max_splats: laxNumber(z.int().min(1000).max(20_000_000))
    .nullable()
    .default(null)
    .describe("Maximum number of gaussians in the result; null leaves it to the engine and preset."),
  max_resolution: laxNumber(z.int().min(64).max(8192))
    .nullable()
    .default(null)
    .describe("Longest side of the training images, in pixels; null leaves it to the engine and preset."),
});
export type JobOptions = z.infer<typeof JobOptions>;
