import { describe, expect, it } from "vitest";
import { project, toOpenCv } from "./camera-models.ts";

const size = { id: 1, width: 640, height: 480 };
const none = { k1: 0, k2: 0, p1: 0, p2: 0 };

describe("toOpenCv", () => {
  it.each([
    ["SIMPLE_PINHOLE", 0, [500, 320, 240], { fx: 500, fy: 500, cx: 320, cy: 240, ...none }],
    ["PINHOLE", 1, [500, 510, 320, 240], { fx: 500, fy: 510, cx: 320, cy: 240, ...none }],
    ["SIMPLE_RADIAL", 2, [500, 320, 240, 0.1], { fx: 500, fy: 500, cx: 320, cy: 240, ...none, k1: 0.1 }],
    [
      "RADIAL",
      3,
      [500, 320, 240, 0.1, 0.2],
      { fx: 500, fy: 500, cx: 320, cy: 240, ...none, k1: 0.1, k2: 0.2 },
    ],
    [
      "OPENCV",
      4,
      [500, 510, 320, 240, 0.1, 0.2, 0.3, 0.4],
      { fx: 500, fy: 510, cx: 320, cy: 240, k1: 0.1, k2: 0.2, p1: 0.3, p2: 0.4 },
    ],
  ])("%s", (_, model, params, expected) => {
    expect(toOpenCv({ ...size, model, params })).toEqual({ width: 640, height: 480, ...expected });
  });

  it("knows no fisheye", () => {
    expect(toOpenCv({ ...size, model: 5, params: [1, 2, 3, 4, 5, 6, 7, 8] })).toBeNull();
  });
});

describe("project", () => {
  const camera = { width: 640, height: 480, fx: 500, fy: 400, cx: 320, cy: 240, ...none };

  it.each([
    ["straight ahead", camera, [0, 0, 2], [320, 240]],
    ["to the right and below", camera, [0.2, 0.1, 2], [370, 260]],
    // r² = 0.25: 500 · 0.5 · (1 + 0.1 · 0.25 + 0.2 · 0.0625)
    ["with radial distortion", { ...camera, k1: 0.1, k2: 0.2 }, [1, 0, 2], [320 + 250 * 1.0375, 240]],
    // u = 0.5, v = 0.25, r² = 0.3125: du = 2·p1·uv + p2·(r² + 2u²), dv = p1·(r² + 2v²) + 2·p2·uv
    [
      "with tangential distortion",
      { ...camera, p1: 0.01, p2: 0.02 },
      [1, 0.5, 2],
      [320 + 500 * (0.5 + 0.0025 + 0.01625), 240 + 400 * (0.25 + 0.004375 + 0.005)],
    ],
  ] as const)("%s", (_, model, point, [x, y]) => {
    const pixel = project(model, point);
    expect(pixel?.[0]).toBeCloseTo(x, 9);
    expect(pixel?.[1]).toBeCloseTo(y, 9);
  });

  it("sees nothing behind the camera", () => {
    expect(project(camera, [0, 0, -1])).toBeNull();
    expect(project(camera, [1, 1, 0])).toBeNull();
  });
});
