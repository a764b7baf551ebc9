import type { JobReport } from "../jobs/report.ts";
import { STAGES } from "../progress.ts";
import type { CompletedUpload } from "../protocol.ts";
import { duration } from "./job-progress.ts";

export type ResultFile = Pick<CompletedUpload, "filename" | "size" | "sha256">;

/** A job's results as lines of two columns: the files, their contents, and the duration of each stage. */
export function resultSummary(report: JobReport, files: readonly ResultFile[]): string {
  const { capture, train, result, engine, stages } = report;
  const seconds = new Map(stages.map((timing) => [timing.stage, timing.seconds]));
  const total = stages.reduce((sum, timing) => sum + timing.seconds, 0);
  const rows: [string, string][] = [
    ...files.map(({ filename, size, sha256 }): [string, string] => [
      filename,
      `${(size / 1e6).toFixed(2).padStart(8)} MB   sha256 ${sha256.slice(0, 12)}…`,
    ]),
    ["", ""],
    ["Gaussians", train === null ? "–" : train.gaussians.toLocaleString("en")],
    [
      "Frames registered",
      capture === null ? "–" : `${capture.registered} of ${capture.frames} (${capture.verdict})`,
    ],
    [
      "Reprojection error",
      capture?.mean_reprojection_error == null ? "–" : `${capture.mean_reprojection_error.toFixed(2)} px`,
    ],
    ["PSNR on held-out frames", psnrText(train)],
    ["Engine", engine === null ? "–" : `${engine.name} ${engine.version ?? ""}`],
    ["", ""],
    ...STAGES.filter((stage) => seconds.has(stage)).map((stage): [string, string] => [
      `Seconds: ${stage}`,
      (seconds.get(stage) ?? 0).toFixed(1),
    ]),
    ["All stages", duration(total)],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const table = rows.map(([label, value]) => `${label.padEnd(width)}   ${value}`.trimEnd());
  const words = [capture?.advice, result?.advice, train?.note, ...(train?.warnings ?? [])].filter(
    (text) => text !== undefined && text !== "",
  );
  return [...table, ...words.flatMap((text) => ["", text])].join("\n");
}

function psnrText(train: JobReport["train"]): string {
  if (train?.psnr == null) return "–";
  if (train.psnr_doubt !== undefined) return `doubtful: ${train.psnr.toFixed(2)} dB. ${train.psnr_doubt}`;
  return `${train.psnr.toFixed(2)} dB over ${train.held_out_frames} frames, ${train.width}×${train.height}, ${train.iterations} steps`;
}
