import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobReport } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { TrainingCurves } from "../training-curves.ts";
import { writeSummaryFiles } from "./summary-files.ts";

const REPORT: JobReport = {
  engine: { name: "builtin", version: "1", reason: "asked for" },
  capture: null,
  train: null,
  stages: [{ stage: "frames", seconds: 1.234, reused: true }],
};

const SPLATS = {
  ply_up: "+z",
  render_mode: "default",
  web: { axes: "", from_ply: [], formats: { "baked_splat.spz": { version: 3, sh_degree: 1 } } },
};

const CURVES: TrainingCurves = { loss: [[0, 1]], psnr: [[0, 20]], gaussians: [] };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-summary-"));
});
afterEach(() => rm(dir, { recursive: true }));

it("writes the metrics and the tools' output", async () => {
  const log = join(dir, "log");
  await writeFile(log, "frames: hello\n");
  const missing = [{ filename: "baked_splat.sog", reason: "No memory." }];
  const files = await writeSummaryFiles(join(dir, "summary"), log, {
    report: REPORT,
    exported: { splats: SPLATS, views: null, missing },
    curves: CURVES,
  });
  expect(files.map((file) => file.slice(dir.length))).toEqual([
    "/summary/metrics.json",
    "/summary/pipeline.log",
  ]);
  expect(JSON.parse(await readFile(files[0] ?? "", "utf8"))).toEqual({
    engine: REPORT.engine,
    capture: null,
    splat: null,
    result: null,
    files: SPLATS,
    views: null,
    stages: [{ stage: "frames", seconds: 1.2, reused: true }],
    missing,
    curves: CURVES,
  });
  expect(await readFile(files[1] ?? "", "utf8")).toBe("frames: hello\n");
});

it("writes no log when no tool printed anything", async () => {
  const files = await writeSummaryFiles(join(dir, "summary"), join(dir, "none"), {
    report: REPORT,
    exported: { splats: SPLATS, views: null, missing: [] },
    curves: null,
  });
  expect(files).toEqual([join(dir, "summary", "metrics.json")]);
});
