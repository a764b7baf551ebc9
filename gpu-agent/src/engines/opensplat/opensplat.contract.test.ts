/*
 * What this engine believes about OpenSplat, checked against the real program: `npm run test:opensplat`, with the
 * set-up of docs/engines.md. It is skipped unless OPENSPLAT_CONTRACT_PATH names an opensplat; one built for
 * the processor will do.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { psnrOfSplat, writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { readShPly } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { type RecordingContext, recordingContext } from "../testing/recording-context.ts";
import { createOpensplatEngine } from "./engine.ts";

const path = process.env.OPENSPLAT_CONTRACT_PATH ?? "";
const TIMEOUT_MS = 600_000;

const options: TrainOptions = { iterations: 700, preset: "draft", max_splats: 5000, max_resolution: null };

describe.skipIf(path === "")(
  "OpenSplat (set OPENSPLAT_CONTRACT_PATH to run)",
  { timeout: TIMEOUT_MS },
  () => {
    let root = "";
    let dataset = { dir: "" };
    const engine = createOpensplatEngine({ path, allowCpu: true });

    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), "opensplat-contract-"));
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
      const probe = await engine.probe();
      expect(probe).toMatchObject({ usable: true, reason: expect.stringMatching(/^OpenSplat .* on CPU\.$/) });
      expect(await createOpensplatEngine({ path }).probe()).toMatchObject({
        usable: false,
        reason: expect.stringContaining("finds no GPU"),
      });
    });

    it("produces a splat that reproduces the photos from the cameras of our transforms.json", async () => {
      const context = await contextIn("whole");
      const trained = await engine.train(dataset, options, context);
      expect(trained).toMatchObject({
        ok: true,
        value: { report: { iterations: 700, sh_degree: 1, width: 96, height: 72, held_out_frames: 1 } },
      });
      if (!trained.ok) return;
      expect(trained.value.report.psnr).toBeGreaterThan(18);
      expect(context.progress.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(
          /^Training Gaussian Splat\.\.\. Step 650\/700 \([\d,]+ gaussians, loss 0\.\d{4}\)$/,
        ),
      );
      expect((await readdir(context.dir)).filter((name) => name.endsWith(".ply"))).toEqual(["splat.ply"]);

      const file = join(root, "exported.ply");
      const exported = await engine.exportSplats(context.dir, trained.value, file, context);
      const cloud = await readShPly(file);
      if (!cloud.ok) throw new Error(cloud.error);
      expect(exported).toEqual({
        ok: true,
        value: { ...trained.value.report, gaussians: cloud.value.count },
      });
      expect(await psnrOfSplat(cloud.value, dataset)).toBeGreaterThan(18);
    });

    it("resumes from its last save", async () => {
      const stopped = await contextIn("resumed");
      const result = await engine.train(
        dataset,
        { ...options, iterations: 600 },
        {
          ...stopped,
          report: ({ message }) => {
            if (message.includes("Step 520/")) stopped.cancel.abort();
          },
        },
      );
      expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
      const again = await contextIn("resumed");
      expect(await engine.train(dataset, { ...options, iterations: 600 }, again)).toMatchObject({ ok: true });
      expect(again.progress[0]?.message).toContain("Step 500/600 (resuming from a saved splat)");
      expect(again.output.filter((line) => line.startsWith("Step ")).length).toBeLessThanOrEqual(100);
    });

    it("does not train on the CPU unless allowed", async () => {
      const context = await contextIn("no-gpu");
      expect(await createOpensplatEngine({ path }).train(dataset, options, context)).toEqual({
        ok: false,
        error: {
          code: "gpu_unavailable",
          detail: "OpenSplat found no GPU and would have trained on the processor.",
        },
      });
    });
  },
);
