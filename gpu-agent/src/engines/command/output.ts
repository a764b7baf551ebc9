import { stripVTControlCharacters } from "node:util";
import { parseTrainLine } from "../nerfstudio/train-output.ts";
import type { TrainingEvent } from "../training-progress.ts";

/** "step 400", "Iteration: 400", not "--max-iter 400", "every step 400", "Step 4/7" or "step 4.2". */
const A_STEP =
  /(?<![-\w.]|(?:max|num|total|every|at|each|until|from)[ _])(?:step|iter(?:ation)?)[\s:=#[]*(\d+)\b(?!\s*(?:\/|of\s)|[.%])/i;
/** "Training: 40 %", not "train/test split: 90%" or "train GPU memory 95% used". */
const A_SHARE =
  /\btrain(?:ing)?\b(?!.*\b(?:split|set|images|views|memory|used)\b).*?(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*%/i;

/**
 * Looks for progress in a line of an unknown program: the rows of ns-train, which many scripts pass through, a number
 * out of `iterations`, a number labelled step or iteration, or a percentage of training. Any other "12/40" or "30 %"
 * may belong to something that the script does before training.
 */
export function parseLine(line: string, iterations: number): TrainingEvent | null {
  const known = parseTrainLine(line);
  // The end of training is not the end of the command.
  if (known !== null && known.kind !== "finished") return known;
  const text = stripVTControlCharacters(line);
  for (const [, done, total] of text.matchAll(/(?<![\d.])(\d+)\s*(?:\/|of)\s*(\d+)(?![\d.])/g)) {
    if (Number(total) === iterations) return { kind: "step", step: Number(done) };
  }
  const [, step] = A_STEP.exec(text) ?? [];
  if (step !== undefined && Number(step) <= iterations) return { kind: "step", step: Number(step) };
  const [, percent] = A_SHARE.exec(text) ?? [];
  if (percent === undefined || Number(percent) > 100) return null;
  return { kind: "step", step: Math.round((Number(percent) / 100) * iterations) };
}
