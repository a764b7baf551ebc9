import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobReport } from "@splatt/shared";
import type { ExportOutput } from "./export-stage.ts";

/** The result files' part of metrics.json. */
type ExportedFiles = Pick<ExportOutput, "splats" | "views" | "missing">;

/**
 * Writes the files about the whole run to their own folder, right before the upload: metrics.json, and pipeline.log
 * with the tools' output.
 *
 * @returns the files' paths
 */
export async function writeSummaryFiles(
  dir: string,
  logFile: string,
  report: JobReport,
  exported: ExportedFiles,
): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const metrics = join(dir, "metrics.json");
  await writeFile(metrics, `${JSON.stringify(metricsOf(report, exported), null, 2)}\n`);
  const log = join(dir, "pipeline.log");
  const hasLog = await copyFile(logFile, log).then(
    () => true,
    () => false,
  );
  return hasLog ? [metrics, log] : [metrics];
}

/** metrics.json: the quality of splat and capture, the files' axes and versions, and the stages' times. */
export function metricsOf(report: JobReport, { splats, views, missing }: ExportedFiles) {
  const { engine, capture, train, stages } = report;
  return {
    engine,
    capture,
    splat: train,
    files: splats,
    views,
    stages: stages.map(({ stage, seconds, reused }) => ({
      stage,
      seconds: Math.round(10 * seconds) / 10,
      reused,
    })),
    missing,
  };
}
