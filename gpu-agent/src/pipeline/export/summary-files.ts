import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobReport } from "@splatt/shared";
import type { TrainingCurves } from "../training-curves.ts";
import type { ExportOutput } from "./export-stage.ts";

interface Summary {
  readonly report: JobReport;
  readonly exported: Pick<ExportOutput, "splats" | "views" | "missing">;
  /** Null where the training left none. */
  readonly curves: TrainingCurves | null;
}

/**
 * Writes the files about the whole run to their own folder, right before the upload: metrics.json, and pipeline.log
 * with the tools' output.
 *
 * @returns the files' paths
 */
export async function writeSummaryFiles(dir: string, logFile: string, summary: Summary): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const metrics = join(dir, "metrics.json");
  await writeFile(metrics, `${JSON.stringify(metricsOf(summary))}\n`);
  const log = join(dir, "pipeline.log");
  const hasLog = await copyFile(logFile, log).then(
    () => true,
    () => false,
  );
  return hasLog ? [metrics, log] : [metrics];
}

/** metrics.json: the quality of splat and capture, the files' axes and versions, the stages' times, and the curves. */
export function metricsOf({ report, exported: { splats, views, missing }, curves }: Summary) {
  const { engine, capture, train, result = null, stages } = report;
  return {
    engine,
    capture,
    splat: train,
    result,
    files: splats,
    views,
    stages: stages.map(({ stage, seconds, reused }) => ({
      stage,
      seconds: Math.round(10 * seconds) / 10,
      reused,
    })),
    missing,
    curves,
  };
}
