import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, type SplatCloud, writeShPly } from "@splatt/formats";
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

/** A bright ball of gaussians about the origin, and what a test changes of it. */
async function writeSplat(
  file: string,
  count = 400,
  change: (cloud: SplatCloud) => void = () => undefined,
  comments: readonly string[] = [],
): Promise<void> {
  const cloud = emptySplatCloud(count, 1);
  for (let i = 0; i < count; i++) {
    cloud.positions.set([0.2 * Math.sin(i), 0.2 * Math.cos(2 * i), 0.2 * Math.sin(3 * i + 1)], 3 * i);
    cloud.logScales.fill(-3, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 3;
    cloud.dc.set([1.5, 0.5, -1], 3 * i);
    cloud.rest.set([0.1, 0.2, -0.3], 9 * i);
  }
  change(cloud);
  await writeShPly(file, cloud, comments);
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
  options: { signal?: AbortSignal; datasetDir?: string; transforms?: string; lodFrom?: number } = {},
) {
  const stageDir = join(dir, name);
  await mkdir(stageDir);
  const input = {
    datasetDir: options.datasetDir ?? datasetDir,
    trainDir: dir,
    model: { report: REPORT, model, ...(options.transforms && { transforms: options.transforms }) },
  };
  const context = contextIn(stageDir, options.signal);
  const stage = createExportStage(fakeEngine(model), null, options.lodFrom);
  return { stageDir, result: await stage.run(input, context) };
}

function contextIn(stageDir: string, signal = new AbortController().signal) {
  return {
    signal,
    log: pino({ level: "silent" }),
    dir: stageDir,
    report: () => undefined,
    toolOutput: () => undefined,
  };
}

describe("the export stage", () => {
  it("writes web formats, a thumbnail and the standard files", async () => {
    const model = join(dir, "splat.ply");
    await writeSplat(model);
    const { stageDir, result } = await exportIn("whole", model, { lodFrom: 400 });
    const set = ["lod-meta.json", ...[0, 1, 2, 3].map((level) => `lod-${level}-0.sog`)];
    const splats = ["baked_splat.spz", "baked_splat.sog", ...set];
    const extras = ["thumbnail.webp", ...splats, "photos.webp", "coverage.json"];
    expect(result).toMatchObject({ ok: true, value: { files: [...RESULT_FILES, ...extras], missing: [] } });
    for (const file of [...RESULT_FILES, ...extras]) {
      expect((await stat(join(stageDir, file))).size).toBeGreaterThan(0);
    }
    expect(result).toMatchObject({
      ok: true,
      value: {
        report: { gaussians: 400, sh_degree: 1 },
        splats: {
          // As the synthetic dataset's cameras have it.
          ply_up: "+y",
          web: {
            formats: {
              "baked_splat.spz": { version: 3, sh_degree: 1 },
              "baked_splat.sog": { version: 2, sh_degree: 1 },
              "lod-meta.json": { version: 1, sh_degree: 1 },
            },
          },
        },
      },
    });
    // Of gzip, which readers of .spz up to version 3 go by.
    expect((await readFile(join(stageDir, "baked_splat.spz"))).subarray(0, 2)).toEqual(Buffer.of(0x1f, 0x8b));
    expect(await readdir(stageDir)).not.toContain("engine-splat.ply");

    const thumbnail = sharp(join(stageDir, "thumbnail.webp"));
    expect(await thumbnail.metadata()).toMatchObject({ format: "webp", width: 48, height: 32 });
    const centre = await thumbnail
      .extract({ left: 22, top: 14, width: 4, height: 4 })
      .removeAlpha()
      .raw()
      .toBuffer();
    const mean = (channel: number) =>
      centre.filter((_, i) => i % 3 === channel).reduce((a, b) => a + b, 0) / 16;
    const [red, green, blue] = [mean(0), mean(1), mean(2)];
    expect(red).toBeGreaterThan(60);
    expect(red).toBeGreaterThan(1.2 * green);
    expect(red).toBeGreaterThan(2 * blue);
  });

  it("writes the header comments that viewers read, whatever axes the trainer's file declares", async () => {
    const model = join(dir, "brush.ply");
    const comments = ["Exported from Brush", "Vertical axis: x", "SH degree: 1", "SplatRenderMode: mip"];
    await writeSplat(model, 400, undefined, comments);
    const { stageDir } = await exportIn("comments", model);
    for (const file of ["baked_splat_sh.ply", "baked_splat.ply"]) {
      const header = (await readFile(join(stageDir, file))).toString("latin1").split("end_header")[0] ?? "";
      expect(header.match(/(?<=^comment ).*$/gm)).toEqual([
        "Generated by Splatt",
        "Vertical Axis: y",
        "SplatRenderMode: mip",
      ]);
    }
  });

  it.each([
    [
      "empty",
      (cloud: SplatCloud) => cloud.rotations.fill(0),
      "training_diverged",
      "None of its 400 gaussians",
    ],
    ["broken", (cloud: SplatCloud) => cloud.dc.fill(Number.NaN, 0, 700), "training_diverged", "234 of 400"],
    ["transparent", (cloud: SplatCloud) => cloud.opacities.fill(-9), "training_diverged", "transparent"],
    ["elsewhere", (cloud: SplatCloud) => cloud.positions.fill(50), "export_failed", "another frame"],
  ] as const)("fails when the splat is %s", async (name, change, code, detail) => {
    const model = join(dir, `${name}.ply`);
    await writeSplat(model, 400, change);
    const { result } = await exportIn(`is-${name}`, model);
    expect(result).toMatchObject({ ok: false, error: { code, detail: expect.stringContaining(detail) } });
  });

  it("publishes poses that the training refined, and compares the splat with the photos from there", async () => {
    const model = join(dir, "refined.ply");
    await writeSplat(model);
    const given = JSON.parse(await readFile(join(datasetDir, "transforms.json"), "utf8"));
    const frames = given.frames.map((frame: { transform_matrix: number[][] }) => ({
      ...frame,
      transform_matrix: frame.transform_matrix.map((row, i) => (i === 0 ? [...row.slice(0, 3), 0.25] : row)),
    }));
    await writeFile(join(dir, "refined.json"), JSON.stringify({ ...given, frames }));
    const stageDir = join(dir, "is-refined");
    await mkdir(stageDir);
    const trained = { report: REPORT, model, refinedTransforms: "refined.json" };
    const input = { datasetDir, trainDir: dir, model: trained };
    const result = await createExportStage(fakeEngine(model)).run(input, contextIn(stageDir));
    if (!result.ok) return expect.fail(result.error.detail);
    expect(JSON.parse(await readFile(join(stageDir, "transforms.json"), "utf8")).frames).toEqual(frames);
    expect(result.value.views).not.toBeNull();
    const coverage = JSON.parse(await readFile(join(stageDir, "coverage.json"), "utf8"));
    expect(coverage.cameras.map(({ position }: { position: number[] }) => position[0])).toEqual([
      0.25, 0.25, 0.25,
    ]);
  });

  it("drops invalid gaussians with a warning", async () => {
    const model = join(dir, "few-broken.ply");
    await writeSplat(model, 400, (cloud) => cloud.positions.fill(Number.NaN, 0, 6));
    const { result } = await exportIn("few-broken", model);
    const warnings = expect.arrayContaining(["2 gaussians with values that are not finite were dropped."]);
    expect(result).toMatchObject({ ok: true, value: { report: { gaussians: 398, warnings } } });
  });

  it("fails when far fewer gaussians were exported than trained", async () => {
    const model = join(dir, "fewer.ply");
    await writeSplat(model, 100);
    const error = { code: "export_failed", detail: expect.stringMatching(/with 400 gaussians.* only 100/) };
    expect((await exportIn("fewer", model)).result).toMatchObject({ ok: false, error });
  });

  it("ignores the leftovers of an interrupted export", async () => {
    const stageDir = join(dir, "stale");
    await mkdir(stageDir);
    await writeSplat(join(stageDir, "engine-splat.ply"));
    const writesNothing: Engine = { ...fakeEngine(""), exportSplats: async () => ok(REPORT) };
    const stage = createExportStage(writesNothing);
    const input = { datasetDir, trainDir: dir, model: { report: REPORT, model: "" } };
    expect(await stage.run(input, contextIn(stageDir))).toMatchObject({
      error: { code: "export_failed", detail: "The engine's PLY cannot be read: it does not exist." },
    });
  });

  it("omits a file that cannot be made, with a warning", async () => {
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

  it("publishes an engine's own poses with its splat", async () => {
    const model = join(dir, "posed.ply");
    await writeSplat(model);
    await writeFile(join(dir, "own.json"), '{"frames": []}');
    const { stageDir } = await exportIn("posed", model, { transforms: "own.json" });
    expect(await readFile(join(stageDir, "transforms.json"), "utf8")).toBe('{"frames": []}');
  });

  it("stops with the job", async () => {
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
