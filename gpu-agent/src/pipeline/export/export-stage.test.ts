import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, writeShPly } from "@splatt/formats";
import { ok, RESULT_FILES } from "@splatt/shared";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../engines/engine.ts";
import { createExportStage } from "./export-stage.ts";

const REPORT = {
  gaussians: 400,
  iterations: 1,
  sh_degree: 1,
  width: 1,
  height: 1,
  held_out_frames: 0,
  psnr: null,
  ssim: null,
};

let dir: string;
let datasetDir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-export-"));
  datasetDir = join(dir, "dataset");
  await writeSyntheticDataset(datasetDir, { frames: 3, width: 48, height: 32, points: 10 });
});
afterAll(() => rm(dir, { recursive: true }));

/** A bright ball of gaussians about the origin. */
async function writeSplat(file: string, count = 400): Promise<void> {
  const cloud = emptySplatCloud(count, 1);
  for (let i = 0; i < count; i++) {
    cloud.positions.set([0.2 * Math.sin(i), 0.2 * Math.cos(2 * i), 0.2 * Math.sin(3 * i + 1)], 3 * i);
    cloud.logScales.fill(-3, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 3;
    cloud.dc.set([1.5, 0.5, -1], 3 * i);
  }
  await writeShPly(file, cloud);
}

/** An engine whose trained model is a file that is only copied. */
function fakeEngine(model: string): Engine {
  return {
    name: "builtin",
    probe: async () => ({ name: "builtin", usable: true, version: null, reason: "" }),
    train: async () => ok({ report: REPORT, model }),
    exportSplats: async (_dir, _model, file) => {
      await copyFile(model, file);
      return ok(REPORT);
    },
  };
}

async function exportIn(
  name: string,
  model: string,
  options: { signal?: AbortSignal; datasetDir?: string; transforms?: string } = {},
) {
  const stageDir = join(dir, name);
  await mkdir(stageDir);
  const signal = options.signal ?? new AbortController().signal;
  const input = {
    datasetDir: options.datasetDir ?? datasetDir,
    trainDir: dir,
    model: { report: REPORT, model, ...(options.transforms && { transforms: options.transforms }) },
  };
  const context = {
    signal,
    log: pino({ level: "silent" }),
    dir: stageDir,
    report: () => undefined,
    toolOutput: () => undefined,
  };
  return { stageDir, result: await createExportStage(fakeEngine(model), false).run(input, context) };
}

describe("the export stage", () => {
  it("makes web formats and a thumbnail of the splat beside the files that every job has", async () => {
    const model = join(dir, "splat.ply");
    await writeSplat(model);
    const { stageDir, result } = await exportIn("whole", model);
    const extras = ["thumbnail.webp", "baked_splat.spz", "baked_splat.sog"];
    expect(result).toMatchObject({ ok: true, value: { files: [...RESULT_FILES, ...extras], missing: [] } });
    for (const file of [...RESULT_FILES, ...extras]) {
      expect((await stat(join(stageDir, file))).size).toBeGreaterThan(0);
    }
    // Niantic's and ZIP's magic numbers.
    expect((await readFile(join(stageDir, "baked_splat.spz"))).subarray(0, 4).toString("latin1")).toBe(
      "NGSP",
    );
    expect((await readFile(join(stageDir, "baked_splat.sog"))).subarray(0, 2).toString("latin1")).toBe("PK");

    const thumbnail = sharp(join(stageDir, "thumbnail.webp"));
    expect(await thumbnail.metadata()).toMatchObject({ format: "webp", width: 48, height: 32 });
    const { channels } = await thumbnail.extract({ left: 22, top: 14, width: 4, height: 4 }).stats();
    const [red = 0, green = 0, blue = 0] = channels.map(({ mean }) => mean);
    expect(red).toBeGreaterThan(60);
    expect(red).toBeGreaterThan(1.2 * green);
    expect(red).toBeGreaterThan(2 * blue);
  });

  it("does without what cannot be made, and says so", async () => {
    const model = join(dir, "unposed.ply");
    await writeSplat(model);
    const unposed = join(dir, "unposed-dataset");
    await mkdir(unposed);
    await writeFile(join(unposed, "transforms.json"), "{}");
    const { stageDir, result } = await exportIn("unposed", model, { datasetDir: unposed });
    expect(result).toMatchObject({
      ok: true,
      value: {
        files: [...RESULT_FILES, "baked_splat.spz", "baked_splat.sog"],
        missing: [
          { filename: "thumbnail.webp", reason: expect.stringMatching(/^The trained model could not/) },
        ],
      },
    });
    expect(await readdir(stageDir)).not.toContain("thumbnail.webp");
  });

  it("publishes the poses that an engine left, in whose frame its splat is", async () => {
    const model = join(dir, "posed.ply");
    await writeSplat(model);
    await writeFile(join(dir, "own.json"), '{"frames": []}');
    const { stageDir } = await exportIn("posed", model, { transforms: "own.json" });
    expect(await readFile(join(stageDir, "transforms.json"), "utf8")).toBe('{"frames": []}');
  });

  it("ends with the job when it is stopped", async () => {
    const model = join(dir, "stopped.ply");
    await writeSplat(model);
    const { result } = await exportIn("stopped", model, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
  });

  it("fails when no gaussian is left", async () => {
    const model = join(dir, "empty.ply");
    await writeSplat(model, 0);
    expect((await exportIn("empty", model)).result).toMatchObject({ error: { code: "training_diverged" } });
  });
});
