import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobReport } from "@splatt/shared";
import type { MissingExtra } from "./export-stage.ts";

/**
 * Writes what tells of the whole run into a folder of its own, right before the upload: metrics.json, and pipeline.log
 * with what the tools printed.
 *
 * @returns the files' paths
 */
export async function writeSummaryFiles(
  dir: string,
  logFile: string,
  report: JobReport,
  missing: readonly MissingExtra[],
): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const metrics = join(dir, "metrics.json");
  await writeFile(metrics, `${JSON.stringify(metricsOf(report, missing), null, 2)}\n`);
  const log = join(dir, "pipeline.log");
  const hasLog = await copyFile(logFile, log).then(
    () => true,
    () => false,
  );
  return hasLog ? [metrics, log] : [metrics];
}

/** metrics.json: how good the splat is, what the capture was like, and how long it all took. */
export function metricsOf(report: JobReport, missing: readonly MissingExtra[]) {
  const { engine, capture, train, stages } = report;
  return {
    engine,
    capture,
    splat: train,
    stages: stages.map(({ stage, seconds, reused }) => ({
      stage,
      seconds: Math.round(10 * seconds) / 10,
      reused,
    })),
    missing,
  };
}
