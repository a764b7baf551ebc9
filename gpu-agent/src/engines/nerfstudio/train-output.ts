import { stripVTControlCharacters } from "node:util";
import type { TrainingEvent } from "../training-progress.ts";

/** Parses a line of ns-train's or gsplat's output. */
export function parseTrainLine(line: string): TrainingEvent | null {
  const text = stripVTControlCharacters(line).trimEnd();
  // The time is missing in the very last row.
  const [, step, time] = /^(\d+) \(\d+\.\d\d%\)(?:$|\s{2,}(\S.*?)(?:\s{2,}|$))/.exec(text) ?? [];
  if (step !== undefined) {
    return { kind: "step", step: Number(step), msPerStep: time === undefined ? null : parseMs(time) };
  }
  const [, count] = /^Step \d+: .* Now having (\d+) GSs\.$/.exec(text) ?? [];
  if (count !== undefined) return { kind: "measured", gaussians: Number(count) };
  // Printed by our start script.
  const [, what] = /^Splatt: (.+)$/.exec(text) ?? [];
  if (what !== undefined) return { kind: "preparing", what };
  if (text.includes("Caching / undistorting train images")) {
    return { kind: "preparing", what: "loading images" };
  }
  if (text.includes("Done loading Nerfstudio checkpoint")) {
    return { kind: "preparing", what: "resuming from a checkpoint" };
  }
  if (text.includes("Training Finished")) return { kind: "finished" };
  if (text.includes("Loading latest checkpoint from load_dir")) {
    return { kind: "preparing", what: "measuring quality on held-out frames" };
  }
  return null;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Reads "27.900 ms", "2 s, 36.560 ms" or "4 m, 50 s"; null for anything else. */
function parseMs(text: string): number | null {
  let sum = 0;
  for (const part of text.split(", ")) {
    const [, amount, unit] = /^(\d+(?:\.\d+)?) (ms|s|m|h|d)$/.exec(part) ?? [];
    const factor = unit === undefined ? undefined : MS_PER_UNIT[unit];
    if (amount === undefined || factor === undefined) return null;
    sum += Number(amount) * factor;
  }
  return sum;
}
