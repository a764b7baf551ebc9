import { type FailureSign, MACHINE_SIGNS } from "../failure-evidence.ts";
import type { TrainingEvent } from "../training-progress.ts";
import { parseDevice } from "./release.ts";

/** Parses a line of OpenSplat's output, 1.1 or 1.2. */
export function parseLine(line: string): TrainingEvent | null {
  const text = line.trim();
  const [, step, loss] = /^Step (\d+): (\S+) [([]\d+%[)\]]$/.exec(text) ?? [];
  if (step !== undefined) return { kind: "step", step: Number(step), loss: finite(loss) };
  const [, count] =
    /^(?:Densify|Final prune|Added|Culled) .*(?:total|remaining|new count) (\d+)$/.exec(text) ?? [];
  if (count !== undefined) return { kind: "measured", gaussians: Number(count) };
  const psnr = finite(/ validation PSNR: (\S+)$/.exec(text)?.[1]);
  if (psnr !== null) return { kind: "measured", psnr };
  if (/^Loading .*\.(?:jpe?g|png)$/i.test(text)) return { kind: "preparing", what: "loading images" };
  return parseDevice(text) === null ? null : { kind: "preparing", what: "reading the dataset" };
}

/** Null for "nan" and the like. */
function finite(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : null;
}

/** What OpenSplat says when it fails; the texts are those of 1.1.5 and 1.2.0. */
export const OPENSPLAT_SIGNS: readonly FailureSign[] = [
  ...MACHINE_SIGNS,
  {
    pattern: /^Option .* does not exist|^Argument .* failed to parse/,
    code: "engine_unavailable",
    meaning: "This version of OpenSplat does not know an option that Splatt uses.",
  },
  {
    pattern: /error while loading shared libraries|symbol lookup error|version `GLIBC\w*_[\d.]+' not found/,
    code: "engine_unavailable",
    meaning: "A library that OpenSplat needs is missing.",
  },
  {
    pattern:
      /^Cannot read |^Invalid PLY file|^Invalid project folder|ply_file_path is empty|transforms\.json does not exist|parse_error|not in the list of cameras|properties need to be contiguous/,
    code: "dataset_invalid",
    meaning: "",
  },
];
