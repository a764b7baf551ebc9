import { describe, expect, it } from "vitest";
import { parseHeldOutMetrics } from "./held-out-metrics.ts";

// As nerfstudio 1.1.5 wrote it for a single held-out frame.
const RECORDED = `{
  "experiment_name": "splat",
  "method_name": "splatfacto",
  "checkpoint": "nerfstudio-output/splat/splatfacto/run/nerfstudio_models/step-000000011.ckpt",
  "results": {
    "psnr": 21.07428741455078,
    "psnr_std": NaN,
    "ssim": 0.15561267733573914,
    "ssim_std": NaN,
    "fps": 29.591264724731445
  }
}`;

describe("parseHeldOutMetrics", () => {
  it("reads what ns-eval writes, including NaN", () => {
    expect(parseHeldOutMetrics(RECORDED)).toEqual({
      psnr: 21.07428741455078,
      ssim: 0.15561267733573914,
      correctedPsnr: null,
    });
  });

  it("reads the PSNR after the correction of colours", () => {
    const text = RECORDED.replace('"psnr_std"', '"cc_psnr": 24.5, "psnr_std"');
    expect(parseHeldOutMetrics(text)).toMatchObject({ psnr: 21.07428741455078, correctedPsnr: 24.5 });
  });

  it("reports no PSNR that is not a finite number", () => {
    expect(parseHeldOutMetrics('{"results": {"psnr": Infinity, "ssim": NaN}}')).toEqual({
      psnr: null,
      ssim: null,
      correctedPsnr: null,
    });
  });

  it.each(["", "{", "[]", '{"results": {}}'])("rejects %j", (text) => {
    expect(parseHeldOutMetrics(text)).toBeNull();
  });
});
