import { describe, expect, it } from "vitest";
import { advance, progressMessage, startProgress, type TrainingEvent } from "./training-progress.ts";

describe("progress", () => {
  const progressAfter = (events: TrainingEvent[], from = 0) =>
    events.reduce(
      (progress, event) => advance(progress, event, 5000),
      startProgress(from, "starting nerfstudio"),
    );

  it.each<{ name: string; events: TrainingEvent[]; from?: number; message: string }>([
    { name: "at first", events: [], message: "Step 0/5000 (starting nerfstudio)" },
    {
      name: "before the first step",
      events: [{ kind: "preparing", what: "loading images" }],
      message: "Step 0/5000 (loading images)",
    },
    {
      name: "while resuming",
      from: 2001,
      events: [{ kind: "preparing", what: "resuming from a checkpoint" }],
      message: "Step 2001/5000 (resuming from a checkpoint)",
    },
    {
      name: "amid training",
      events: [
        { kind: "preparing", what: "loading images" },
        { kind: "measured", gaussians: 61_234 },
        { kind: "step", step: 3250, msPerStep: 27.9 },
      ],
      message: "Step 3250/5000 (61,234 gaussians, 28 ms per step)",
    },
    {
      name: "when steps are fast",
      events: [{ kind: "step", step: 10, msPerStep: 7.066 }],
      message: "Step 10/5000 (7.1 ms per step)",
    },
    {
      name: "after a row without a time",
      events: [
        { kind: "step", step: 4990, msPerStep: 30 },
        { kind: "step", step: 4999, msPerStep: null },
      ],
      message: "Step 4999/5000 (30 ms per step)",
    },
    {
      name: "never backwards, never beyond the end",
      events: [
        { kind: "step", step: 9000, msPerStep: null },
        { kind: "step", step: 10, msPerStep: null },
      ],
      message: "Step 5000/5000",
    },
    {
      name: "with all that a trainer may know",
      events: [
        { kind: "step", step: 700, loss: 0.04512 },
        { kind: "measured", psnr: 27.349, ssim: 0.9 },
      ],
      message: "Step 700/5000 (loss 0.0451, held-out PSNR 27.3 dB)",
    },
    { name: "at the end", events: [{ kind: "finished" }], message: "Step 5000/5000" },
  ])("has $name", ({ events, from, message }) => {
    expect(progressMessage(progressAfter(events, from), 5000)).toBe(`Training Gaussian Splat... ${message}`);
  });

  it("is finished only when the trainer reports it", () => {
    expect(progressAfter([{ kind: "step", step: 4999, msPerStep: null }]).finished).toBe(false);
    expect(progressAfter([{ kind: "finished" }]).finished).toBe(true);
  });
});
