import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cameraOnPath } from "./camera-path.ts";
import { encodeVideo } from "./encode-video.ts";
import { makeSampleClip, renderSampleFrames } from "./sample-clip.ts";
import { sampleScene } from "./scene.ts";
import { addSample, buildMipLevels, type FaceTexture, layOutAtlas } from "./textures.ts";

const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

let dir = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-clip-"));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

describe.skipIf(!installed)("makeSampleClip", () => {
  it("makes a video of the requested size, rate and length, and reports progress", async () => {
    const path = join(dir, "clip.mp4");
    const seen: number[] = [];
    const made = await makeSampleClip(path, {
      width: 96,
      height: 72,
      fps: 5,
      seconds: 2,
      onProgress: (f) => seen.push(f),
    });
    expect(made).toEqual({ ok: true, value: undefined });
    const probe = spawnSync("ffprobe", [
      ...["-v", "error", "-count_frames", "-of", "json"],
      ...["-show_entries", "stream=width,height,avg_frame_rate,nb_read_frames", path],
    ]);
    expect(JSON.parse(probe.stdout.toString())).toMatchObject({
      streams: [{ width: 96, height: 72, avg_frame_rate: "5/1", nb_read_frames: "10" }],
    });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBeCloseTo(1, 9);
  });

  it("stops when aborted", async () => {
    const stop = new AbortController();
    const made = await makeSampleClip(join(dir, "stopped.mp4"), {
      ...{ width: 96, height: 72 },
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    expect(made).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
  });

  it("reports ffmpeg's error when it cannot write", async () => {
    const frames = [new Uint8Array(3 * 16 * 16)];
    const made = await encodeVideo(
      join(dir, "nowhere", "clip.mp4"),
      { ffmpeg: "ffmpeg", width: 16, height: 16, fps: 5 },
      frames,
    );
    expect(made).toMatchObject({
      ok: false,
      error: { code: "internal_error", detail: expect.stringContaining("No such file") },
    });
  });

  it("does not swallow a fault of the renderer", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(3 * 16 * 16);
      throw new Error("a bug");
    }
    const encoding = { ffmpeg: "ffmpeg", width: 16, height: 16, fps: 5 };
    await expect(encodeVideo(join(dir, "broken.mp4"), encoding, broken())).rejects.toThrow("a bug");
  });
});

it("reports a missing ffmpeg", async () => {
  const made = await makeSampleClip(join(dir, "none.mp4"), { ffmpeg: "/nowhere/ffmpeg" });
  expect(made).toMatchObject({ ok: false, error: { code: "tool_missing" } });
  expect(existsSync(join(dir, "none.mp4"))).toBe(false);
});

describe("renderSampleFrames", () => {
  it("renders the same detailed picture on every thread, and a different one from another position", async () => {
    const size = { width: 96, height: 72 };
    const frames: Uint8Array[] = [];
    for await (const frame of renderSampleFrames([0.5, 0.5, 0.9], size, { threads: 2 })) frames.push(frame);
    const [first, again, other] = frames;
    if (!first || !again || !other) throw new Error("expected three frames");
    expect(first).toHaveLength(3 * 96 * 72);
    expect(Buffer.compare(first, again)).toBe(0);
    const differing = first.filter((value, i) => Math.abs(value - (other[i] ?? 0)) > 10).length;
    expect(differing).toBeGreaterThan(first.length / 2);
    const steps = first.filter((value, i) => i >= 3 && Math.abs(value - (first[i - 3] ?? 0)) > 15).length;
    expect(steps).toBeGreaterThan(first.length / 10);
  });
});

describe("cameraOnPath", () => {
  it("moves smoothly, with axes at right angles, looking at the table", () => {
    let before = cameraOnPath(0, 640);
    for (let i = 1; i <= 80; i++) {
      const camera = cameraOnPath(i / 80, 640);
      const { right: r, down: d, forward: f, position: p } = camera;
      expect(r[0] * d[0] + r[1] * d[1] + r[2] * d[2]).toBeCloseTo(0, 9);
      expect(r[0] * f[0] + r[1] * f[1] + r[2] * f[2]).toBeCloseTo(0, 9);
      expect([r[1] * d[2] - r[2] * d[1], r[2] * d[0] - r[0] * d[2], r[0] * d[1] - r[1] * d[0]]).toEqual([
        expect.closeTo(f[0], 9),
        expect.closeTo(f[1], 9),
        expect.closeTo(f[2], 9),
      ]);
      expect(
        Math.hypot(p[0] - before.position[0], p[1] - before.position[1], p[2] - before.position[2]),
      ).toBeLessThan(0.3);
      before = camera;
    }
  });
});

describe("the textures", () => {
  const atlas = layOutAtlas(sampleScene());
  const faces = atlas.faces.flat().filter((face): face is FaceTexture => face !== null);

  it("do not overlap", () => {
    const levels = faces.flatMap((face) => face.levels).toSorted((a, b) => a.offset - b.offset);
    let end = 0;
    for (const { offset, width, height } of levels) {
      expect(offset).toBe(end);
      end = offset + 3 * width * height;
    }
    expect(end).toBe(atlas.bytes);
  });

  it("blend to their mean with distance", () => {
    const texture: FaceTexture = {
      prop: 0,
      face: 0,
      texelsPerUnit: 1,
      levels: [
        { offset: 0, width: 4, height: 4 },
        { offset: 48, width: 2, height: 2 },
        { offset: 60, width: 1, height: 1 },
      ],
    };
    const texels = new Uint8Array(63);
    for (let i = 0; i < 48; i++) texels[i] = (Math.floor(i / 3) % 2) * 200;
    buildMipLevels(texture, texels);
    const sample = (u: number, footprint: number) => {
      const out = new Float64Array(3);
      addSample(texels, texture, u, 0.5, footprint, out);
      return out[0];
    };
    expect(sample(0.125, 0.01)).toBeCloseTo(0, 6);
    expect(sample(0.375, 0.01)).toBeCloseTo(200, 6);
    expect(sample(0.25, 0.01)).toBeCloseTo(100, 6);
    expect(sample(0.375, 100)).toBeCloseTo(100, 0);
  });
});
