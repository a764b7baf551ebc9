/*
 * What this engine believes about Brush, checked against the real program: `npm run test:brush`, with the set-up
 * of docs/engines.md. It is skipped unless BRUSH_CONTRACT_PATH names a brush; Mesa's llvmpipe will do for a
 * GPU.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { psnrOfSplat, writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { readShPly } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { type RecordingContext, recordingContext } from "../testing/recording-context.ts";
import { createBrushEngine } from "./engine.ts";

const path = process.env.BRUSH_CONTRACT_PATH ?? "";
const TIMEOUT_MS = 1_200_000;

const options: TrainOptions = { iterations: 520, preset: "draft", max_splats: 5000, max_resolution: null };

describe.skipIf(path === "")("Brush (set BRUSH_CONTRACT_PATH to run)", { timeout: TIMEOUT_MS }, () => {
  let root = "";
  let dataset = { dir: "" };
  const engine = createBrushEngine({ path, allowCpu: true });

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "brush-contract-"));
    dataset = { dir: join(root, "dataset") };
    const lens = { k1: 0.05, k2: 0, p1: 0, p2: 0 };
    await writeSyntheticDataset(dataset.dir, { frames: 40, width: 96, height: 72, lens, points: 1000 });
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  async function contextIn(name: string): Promise<RecordingContext> {
    await mkdir(join(root, name), { recursive: true });
    return recordingContext(join(root, name));
  }

  it("reports its version and device", async () => {
    const reason = expect.stringMatching(/^Brush \d+\.\d+\.\d+ on /);
    expect(await engine.probe()).toMatchObject({ usable: true, reason });
  });

  it("produces a splat that reproduces the photos from the cameras of our transforms.json", async () => {
    const context = await contextIn("whole");
    const trained = await engine.train(dataset, options, context);
    expect(trained).toMatchObject({
      ok: true,
      value: { report: { iterations: 520, sh_degree: 1, width: 96, height: 72, held_out_frames: 8 } },
    });
    if (!trained.ok) return;
    expect(trained.value.report.psnr).toBeGreaterThan(18);
    expect(trained.value.report.ssim).toBeGreaterThan(0.4);
    expect(context.progress.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^Training Gaussian Splat\.\.\. Step 500\/520 \(.*held-out PSNR \d+\.\d dB\)$/),
    );
    expect(await readdir(join(context.dir, "brush-exports"))).toEqual(["export_520.ply"]);

    const file = join(root, "exported.ply");
    const exported = await engine.exportSplats(context.dir, trained.value, file, context);
    const cloud = await readShPly(file);
    if (!cloud.ok) throw new Error(cloud.error);
    expect(exported).toEqual({ ok: true, value: { ...trained.value.report, gaussians: cloud.value.count } });
    // Seen by a renderer that shares nothing with Brush's.
    expect(await psnrOfSplat(cloud.value, dataset)).toBeGreaterThan((trained.value.report.psnr ?? 0) - 1);
  });

  it("resumes from its last export", async () => {
    const stopped = await contextIn("resumed");
    const longer = { ...options, iterations: 700 };
    const result = await engine.train(dataset, longer, {
      ...stopped,
      report: ({ message }) => {
        if (message.includes("Step 600/")) stopped.cancel.abort();
      },
    });
    expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
    const again = await contextIn("resumed");
    expect(await engine.train(dataset, longer, again)).toMatchObject({ ok: true });
    expect(again.progress[0]?.message).toContain("Step 500/700 (resuming from an exported splat)");
    expect(again.progress.some(({ message }) => message.includes("Step 100/"))).toBe(false);
  });
});
