import type { FailureCode } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { FailureEvidence } from "../failure-evidence.ts";
import type { TrainingEvent } from "../training-progress.ts";
import { BRUSH_SIGNS, parseLine } from "./output.ts";

const log = (text: string) => `[2026-08-17T22:38:24Z INFO  brush_cli] ${text}`;

describe("parseLine", () => {
  it.each<[line: string, event: TrainingEvent | null]>([
    [log("Loading dataset"), { kind: "preparing", what: "loading images" }],
    [log("Loaded dataset with 32 training, 8 eval views"), { kind: "preparing", what: "loading images" }],
    [log("Start training loop."), { kind: "preparing", what: "the first steps" }],
    [log("Refine iter 401, 51234 splats."), { kind: "step", step: 401, gaussians: 51_234 }],
    [
      log("Eval iter 1000: PSNR 24.131, ssim 0.8125"),
      { kind: "step", step: 1000, psnr: 24.131, ssim: 0.8125 },
    ],
    [log("Eval iter 1000: PSNR NaN, ssim NaN"), { kind: "step", step: 1000, psnr: null, ssim: null }],
    ["\u001b[32mINFO\u001b[0m", null],
    [log('Done training! Took "3m 2s".'), { kind: "finished" }],
    ["Training took 3m 2s", null],
    [log("Running evaluation for iteration 100"), null],
  ])("reads %j", (line, event) => {
    expect(parseLine(line)).toEqual(event);
  });
});

describe("what Brush says when it fails", () => {
  it.each<[line: string, code: FailureCode]>([
    ["wgpu error: Out of Memory", "gpu_out_of_memory"],
    ["called `Result::unwrap()` on an `Err` value: BufferTooBig(2156988480)", "gpu_out_of_memory"],
    [
      "failed to reserve 3595479680 bytes of device memory: can't allocate buffer of size: 3595479680",
      "gpu_out_of_memory",
    ],
    ["Error: No possible adapter available for backend.", "gpu_unavailable"],
    ["error: unexpected argument '--total-train-iters' found", "engine_unavailable"],
    ["brush: error while loading shared libraries: libEGL.so.1", "engine_unavailable"],
    ["Error: Format not recognized: only colmap, nerfstudio json are supported", "dataset_invalid"],
    ["Error: something else", "training_failed"],
  ])("%s", (line, code) => {
    const evidence = new FailureEvidence(BRUSH_SIGNS);
    evidence.observe(line);
    const exit = { exitCode: 1, signal: null, tail: [] };
    expect(evidence.conclude(exit, "training_failed", "the last export").code).toBe(code);
  });
});
