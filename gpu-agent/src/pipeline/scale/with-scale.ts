import { readDataset } from "@splatt/formats";
import { type CaptureReport, err, type Result, type ScaleReference, type ScaleReport } from "@splatt/shared";
import type { FramesOutput } from "../frames/frames-stage.ts";
import { measureScale } from "./measure-scale.ts";

/** Two scales that differ by more than this share contradict each other. */
const DISAGREEMENT = 0.2;

/**
 * The capture report with the scale that a job's reference gives. The poses do not depend on it, so a retry with
 * another reference reuses them.
 *
 * @param datasetDir the poses stage's folder
 */
export async function measuredCapture(
  capture: CaptureReport,
  reference: ScaleReference | null,
  datasetDir: string,
  frames: FramesOutput,
): Promise<CaptureReport> {
  if (reference === null) return capture;
  const transforms = await readDataset({ dir: datasetDir });
  return withScale(
    capture,
    transforms.ok ? measureScale(reference, transforms.value, frames) : err(transforms.error.detail),
  );
}

/** @param measured the scale by the job's reference, or why there is none */
export function withScale(capture: CaptureReport, measured: Result<ScaleReport, string>): CaptureReport {
  if (!measured.ok) {
    const problem = `The scale reference could not be used: ${measured.error}.`;
    return { ...capture, scale_problem: problem, advice: `${capture.advice} ${problem}` };
  }
  const { metres_per_unit: metres } = measured.value;
  const other = capture.scale?.metres_per_unit;
  const contradicts = other !== undefined && Math.abs(Math.log(metres / other)) > Math.log(1 + DISAGREEMENT);
  const doubt = contradicts ? " That does not agree with the GPS positions: check the reference." : "";
  const sentence = `By the scale reference, one unit is ${metres.toPrecision(3)} m.${doubt}`;
  return { ...capture, scale: measured.value, advice: `${capture.advice} ${sentence}` };
}
