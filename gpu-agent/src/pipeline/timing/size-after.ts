import type { StageName } from "@splatt/shared";
import { TrainReport } from "@splatt/shared";
import { z } from "zod";
import type { StageRecord } from "../stage-record.ts";
import type { JobSize } from "./job-size.ts";

const Downloaded = z.object({ size: z.number() });
const Frames = z.object({ count: z.number(), width: z.number(), height: z.number() });
const Trained = z.object({ report: TrainReport });

/**
 * Updates the job's size with the output of a finished stage.
 *
 * @param longSideLimit the longest side, in pixels, at which the engine trains; null for the frames' own size
 */
export function sizeAfter(
  stage: StageName,
  record: Pick<StageRecord, "output" | "files">,
  longSideLimit: number | null,
): Partial<JobSize> {
  switch (stage) {
    case "download": {
      const download = Downloaded.safeParse(record.output);
      return download.success ? { sourceBytes: download.data.size } : {};
    }
    case "frames": {
      const frames = Frames.safeParse(record.output);
      if (!frames.success) return {};
      const { count, width, height } = frames.data;
      const scale = Math.min(1, (longSideLimit ?? Number.POSITIVE_INFINITY) / Math.max(width, height));
      return { frames: count, pixels: Math.round(width * height * scale * scale) };
    }
    case "train": {
      const trained = Trained.safeParse(record.output);
      return trained.success ? { gaussians: trained.data.report.gaussians } : {};
    }
    case "export":
      return { resultBytes: record.files.reduce((sum, { size }) => sum + size, 0) };
    default:
      return {};
  }
}
