import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Engine } from "../engines/engine.ts";
import { createTrainStage } from "./train-stage.ts";
import { readCurves } from "./training-curves.ts";

const REPORT = {
  ...{ gaussians: 1, iterations: 1, sh_degree: 1, width: 1, height: 1, held_out_frames: 0 },
  ...{ psnr: null, ssim: null },
};

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-train-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function train(succeeds: boolean): Promise<number> {
  let reported = 0;
  const engine: Engine = {
    name: "builtin",
    probe: async () => ({ name: "builtin", usable: true, version: null, reason: "" }),
    train: async (_data, _options, { report }) => {
      const at = (step: number, psnr: number | null) => ({
        step,
        loss: 1 / (step + 3),
        psnr,
        gaussians: step,
      });
      report({ fraction: 0, message: "", point: at(0, null) });
      report({ fraction: 0.5, message: "no point" });
      report({ fraction: 1, message: "", point: at(10, 21.125) });
      return succeeds ? ok({ report: REPORT, model: "model.ply" }) : err(failure("training_failed", ""));
    },
    exportSplats: async () => ok(REPORT),
  };
  const options = { iterations: 10, preset: "standard", max_splats: null, max_resolution: null } as const;
  await createTrainStage(engine, async () => undefined).run(
    { datasetDir: dir, video: "", options },
    {
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      dir,
      report: () => {
        reported += 1;
      },
      toolOutput: () => undefined,
    },
  );
  return reported;
}

it("leaves the curves of what the engine reports, and passes the reports on", async () => {
  expect(await train(true)).toBe(3);
  expect(await readCurves(dir)).toEqual({
    loss: [
      [0, 0.3333],
      [10, 0.07692],
    ],
    psnr: [[10, 21.13]],
    gaussians: [
      [0, 0],
      [10, 10],
    ],
  });
});

it("leaves none when the training fails", async () => {
  await train(false);
  expect(await readCurves(dir)).toBe(null);
});
