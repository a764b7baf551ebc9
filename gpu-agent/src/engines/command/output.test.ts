import { expect, it } from "vitest";
import type { TrainingEvent } from "../training-progress.ts";
import { parseLine } from "./output.ts";

const at = (step: number, msPerStep?: number): TrainingEvent => ({
  kind: "step",
  step,
  ...(msPerStep === undefined ? {} : { msPerStep }),
});

it.each<[line: string, event: TrainingEvent | null]>([
  ["3250 (65.00%)       27.900 ms            13 m, 53 s           9.12 M", at(3250, 27.9)],
  ["3250 (65.00%)       27.900 ms            13 m, 53 s \u001b[0m", at(3250, 27.9)],
  ["Step 600: 1 GSs duplicated, 5 GSs split. Now having 61234 GSs.", { kind: "measured", gaussians: 61_234 }],
  ["Training progress:  23%|██▎       | 1150/5000 [02:12<07:05, 54.1it/s, Loss=0.0123]", at(1150)],
  ["step 12 of 5000", at(12)],
  ["[3250/5000] loss 0.03", at(3250)],
  ["Step: 4999, loss: 0.1", at(4999)],
  ["iteration=700 psnr=21.0", at(700)],
  ["iter 42", at(42)],
  ["[ITER 700] Evaluating test: L1 0.0023", at(700)],
  ["Training... 65% done", at(3250)],
  ["training: 12.5 %", at(625)],
  // Of something else:
  ["Processed file [3/40]", null],
  ["Loading images: 100%|██████████| 40/40 [00:01<00:00]", null],
  ["frame= 5000 fps=12", null],
  ["Extracting frames: 50%", null],
  ["Step 2/3: training", null],
  ["Step 2 of 3", null],
  ["Iteration 90000", null],
  ["python train.py --num-iter 5000", null],
  ["max iter: 5000", null],
  ["Loading the model trained at iteration 5000", null],
  ["will save at step 5000", null],
  ["Train/test split: 90%", null],
  ["Training set: 90% of images", null],
  ["train GPU memory 95% used", null],
  ["took 12.5/5000.0 s", null],
  ["Training on 120% more frames", null],
  ["version 1.2.3", null],
  ["🎉 Training Finished 🎉", null],
  ["", null],
])("of 5000 steps, %j is %j", (line, event) => {
  expect(parseLine(line, 5000)).toEqual(event);
});
