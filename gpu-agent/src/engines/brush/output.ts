import { stripVTControlCharacters } from "node:util";
import { type FailureSign, MACHINE_SIGNS } from "../failure-evidence.ts";
import type { TrainingEvent } from "../training-progress.ts";

/**
 * Parses a line of Brush's output. With RUST_LOG=info its log is on stdout; its progress bar is hidden where there
 * is no terminal.
 */
export function parseLine(line: string): TrainingEvent | null {
  // Behind the logger's "[2026-08-17T12:00:00Z INFO  brush_cli] ".
  const text = stripVTControlCharacters(line)
    .replace(/^\[\S+ +\w+ +\S+\] /, "")
    .trim();
  const [, refined, count] = /^Refine iter (\d+), (\d+) splats\.$/.exec(text) ?? [];
  if (refined !== undefined) return { kind: "step", step: Number(refined), gaussians: Number(count) };
  const [, judged, psnr, ssim] = /^Eval iter (\d+): PSNR (\S+), ssim (\S+)$/.exec(text) ?? [];
  if (judged !== undefined) {
    return { kind: "step", step: Number(judged), psnr: finite(psnr), ssim: finite(ssim) };
  }
  if (/^Loading dataset$|^Loaded dataset with/.test(text))
    return { kind: "preparing", what: "loading images" };
  if (text === "Start training loop.") return { kind: "preparing", what: "the first steps" };
  return text.startsWith("Done training!") ? { kind: "finished" } : null;
}

/** Null for "NaN" and the like. */
function finite(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : null;
}

/** What Brush says when it fails; the texts are those of 0.3.0 and 1.0.0 and of the libraries beneath. */
export const BRUSH_SIGNS: readonly FailureSign[] = [
  ...MACHINE_SIGNS,
  {
    pattern:
      /out of (?:device )?memory|not enough memory left|BufferTooBig|failed to reserve \d+ bytes|can't allocate buffer/i,
    code: "gpu_out_of_memory",
    meaning: "",
  },
  {
    pattern: /no (?:possible|suitable)? ?(?:graphics )?adapter|device (?:is |was )?lost/i,
    code: "gpu_unavailable",
    meaning: "",
  },
  {
    pattern: /^error: (?:unexpected argument|invalid value)/,
    code: "engine_unavailable",
    meaning: "This version of Brush does not know an option that Splatt uses.",
  },
  {
    pattern: /error while loading shared libraries/,
    code: "engine_unavailable",
    meaning: "A library that Brush needs is missing.",
  },
  {
    pattern:
      /Format not recognized|no usable training views|Error decoding|Error loading|Failed to load initial/,
    code: "dataset_invalid",
    meaning: "",
  },
];
