import type { FailureCode } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { FailureEvidence } from "../failure-evidence.ts";
import type { TrainingEvent } from "../training-progress.ts";
import { OPENSPLAT_SIGNS, parseLine } from "./output.ts";

describe("parseLine", () => {
  // 1.1: as recorded from 1.1.5; 1.2: from 1.2.0.
  it.each<[release: string, line: string, event: TrainingEvent | null]>([
    ["1.1", "Using CPU", { kind: "preparing", what: "reading the dataset" }],
    ["1.1", "Reading 11951 points", null],
    ["1.1", "Loading dataset/images/frame_00050.jpg", { kind: "preparing", what: "loading images" }],
    ["1.2", "Loading frame_00001.png", { kind: "preparing", what: "loading images" }],
    ["1.1", "Step 915: 0.0329885 (91%)", { kind: "step", step: 915, loss: 0.0329885 }],
    ["1.2", "Step 10: 9.1e-05 [1%]", { kind: "step", step: 10, loss: 9.1e-5 }],
    ["1.2", "Step 20: nan [2%]", { kind: "step", step: 20, loss: null }],
    ["1.1", "Added 120 gaussians, new count 5120", { kind: "measured", gaussians: 5120 }],
    ["1.1", "Culled 20 gaussians, remaining 5100", { kind: "measured", gaussians: 5100 }],
    ["1.2", "Densify 600: +clone 12 +split 40 -prune 3, total 1049", { kind: "measured", gaussians: 1049 }],
    ["1.2", "Final prune 18000: -12, remaining 90211", { kind: "measured", gaussians: 90_211 }],
    ["1.2", "/d/images/frame_00018.png validation PSNR: 24.3126", { kind: "measured", psnr: 24.3126 }],
    ["1.2", "/d/images/frame_00018.png validation PSNR: inf", null],
    ["1.1", "/d/images/frame_00018.png validation loss: 0.0812", null],
    ["1.2", "Wrote splat.ply", null],
    ["1.2", "Opacity reset", null],
  ])("%s: %s", (_, line, event) => {
    expect(parseLine(line)).toEqual(event);
  });
});

describe("what OpenSplat says when it fails", () => {
  it.each<[line: string, code: FailureCode]>([
    ["CUDA out of memory. Tried to allocate 2.00 GiB.", "gpu_out_of_memory"],
    ["Option 'max-gaussians' does not exist", "engine_unavailable"],
    ["opensplat: error while loading shared libraries: libc10.so: cannot open", "engine_unavailable"],
    ["Cannot read /d/images/frame_00001.jpg", "dataset_invalid"],
    ["Invalid PLY file (header does not start with ply)", "dataset_invalid"],
    ["[json.exception.parse_error.101] parse error at line 1, column 1", "dataset_invalid"],
    ["something else", "training_failed"],
  ])("%s", (line, code) => {
    const evidence = new FailureEvidence(OPENSPLAT_SIGNS);
    evidence.observe(line);
    const exit = { exitCode: 1, signal: null, tail: [] };
    expect(evidence.conclude(exit, "training_failed", "a complete splat").code).toBe(code);
  });
});
