import { stripVTControlCharacters } from "node:util";
import { parseTrainLine } from "../nerfstudio/train-output.ts";
import type { TrainingEvent } from "../training-progress.ts";

/**
 * Looks for progress in a line of a program that we do not know: the rows of ns-train, which many scripts pass on,
 * or a number out of `iterations`, or one that is called a step or an iteration, or a percentage of training. Any
 * other "12/40" or "30 %" may be of whatever the script does before it trains.
 */
export function parseLine(line: string, iterations: number): TrainingEvent | null {
  const known = parseTrainLine(line);
  // That it finished training is not that the command has finished.
  if (known !== null && known.kind !== "finished") return known;
  const text = stripVTControlCharacters(line);
  for (const [, done, total] of text.matchAll(/(?<![\d.])(\d+)\s*(?:\/|of)\s*(\d+)(?![\d.])/g)) {
    if (Number(total) === iterations) return { kind: "step", step: Number(done) };
  }
  const [, step] = /\b(?:step|iter(?:ation)?)[\s:=#[]*(\d+)\b(?!\s*(?:\/|of\s)|[.%])/i.exec(text) ?? [];
  if (step !== undefined && Number(step) <= iterations) return { kind: "step", step: Number(step) };
  const [, percent] = /\btrain.*?(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*%/i.exec(text) ?? [];
  if (percent === undefined || Number(percent) > 100) return null;
  return { kind: "step", step: Math.round((Number(percent) / 100) * iterations) };
}
