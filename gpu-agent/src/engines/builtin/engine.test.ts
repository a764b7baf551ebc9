import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { psnrOfSplat, writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { readShPly } from "@splatt/formats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { StageContext } from "../../pipeline/stage.ts";
import type { TrainOptions } from "../engine.ts";
import { createBuiltinEngine } from "./engine.ts";
import { type RecordedContext, recordedContext } from "./testing/recorded-context.ts";
import { flickeringScene, smallScene } from "./testing/small-scenes.ts";

let dir: string;
let dataset: { dir: string };
let flickering: { dir: string };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-builtin-"));
  dataset = await smallScene(dir);
  flickering = await flickeringScene(dir);
});
afterAll(() => rm(dir, { recursive: true }));

// Every thread that anybody starts, so that none can be left behind unseen.
const running = new Set<Worker>();
const onWorker = (worker: Worker) => {
  running.add(worker);
  worker.on("exit", () => running.delete(worker));
};
beforeEach(() => void process.on("worker", onWorker));
afterEach(() => {
  process.off("worker", onWorker);
  expect(running.size).toBe(0);
});

const options: TrainOptions = { iterations: 500, preset: "draft", max_splats: 4000, max_resolution: null };

function contextIn(name: string, overrides: Partial<StageContext> = {}): Promise<RecordedContext> {
  return recordedContext(join(dir, name), overrides);
}

it("reports that it can train on this machine", async () => {
  expect(await createBuiltinEngine({ threads: 3 }).probe()).toMatchObject({
    name: "builtin",
    usable: true,
    reason: "Trains on the CPU, with 3 threads.",
  });
});

describe("training a small scene", () => {
  const engine = createBuiltinEngine({ threads: 2 });
  let context: RecordedContext;
  let result: Awaited<ReturnType<typeof engine.train>>;
  beforeAll(async () => {
    context = await contextIn("trained");
    result = await engine.train(dataset, options, context);
  });

  it("reproduces frames that it was not trained on", () => {
    expect(result).toMatchObject({
      ok: true,
      value: { report: { iterations: 500, sh_degree: 1, width: 96, height: 72, held_out_frames: 8 } },
    });
    const report = result.ok ? result.value.report : null;
    expect(report?.psnr).toBeGreaterThan(24);
    expect(report?.ssim).toBeGreaterThan(0.75);
    expect(report?.gaussians).toBeGreaterThan(2000);
    // The poses are exact.
    expect(report?.psnr_given_poses).toBeUndefined();
    expect(result).not.toHaveProperty("value.refinedTransforms");
  });

  it("reports its progress", () => {
    const { reports, lines } = context;
    expect(reports[0]?.message).toMatch(/^Training Gaussian Splat\.\.\. Step 0\/500, loading photo \d+\/40$/);
    expect(reports.at(-1)?.message).toMatch(
      /^Training Gaussian Splat\.\.\. Step 500\/500, [\d,]+ gaussians, loss 0\.\d{4}, held-out PSNR [\d.]+ dB$/,
    );
    const fractions = reports.map((report) => report.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1, 6);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^step 200\/500 loss 0\.\d+ gaussians \d+ [\d.]+ ms\/iteration held-out psnr [\d.]+$/,
      ),
    );
  });

  it("exports a splat that reproduces the photos from the cameras of transforms.json", async () => {
    if (!result.ok) throw new Error(result.error.detail);
    const file = join(dir, "exported.ply");
    const exported = await engine.exportSplats(context.dir, result.value, file, context);
    expect(exported).toEqual({ ok: true, value: result.value.report });
    const cloud = await readShPly(file);
    if (!cloud.ok) throw new Error(cloud.error);
    expect(cloud.value.count).toBe(result.value.report.gaussians);
    const psnr = await psnrOfSplat(cloud.value, dataset);
    expect(psnr).toBeCloseTo(result.value.report.psnr ?? 0, 3);

    // What every engine is held to would not hold in another frame.
    const positions = cloud.value.positions.map((value, i) => (i % 3 === 0 ? -value : value));
    expect(await psnrOfSplat({ ...cloud.value, positions }, dataset)).toBeLessThan(15);
  });

  it("fails when there is nothing to export", async () => {
    const model = { report: { gaussians: 0 } as never, model: "nothing.ply" };
    expect(await engine.exportSplats(context.dir, model, join(dir, "x.ply"), context)).toMatchObject({
      error: { code: "export_failed" },
    });
  });
});

const short: TrainOptions = { ...options, iterations: 60, max_resolution: 64 };

async function splatBytes(context: StageContext): Promise<Buffer> {
  return readFile(join(context.dir, "splats.ply"));
}

it("produces the same splat on any number of threads and after any interruption, and early splats", async () => {
  // With gains of the frames, which a checkpoint must hold too.
  const whole = await contextIn("whole");
  await createBuiltinEngine({ threads: 1 }).train(flickering, short, whole);

  // Stopped at the first report after the 20th step; there is a checkpoint of every step.
  const stop = new AbortController();
  const interrupted = await contextIn("interrupted", {
    signal: stop.signal,
    report: ({ message }) => Number(/Step (\d+)/.exec(message)?.[1]) >= 20 && stop.abort(),
  });
  const often = { checkpointIntervalMs: 0, earlySplatIntervalMs: 0, reportIntervalMs: 0 };
  const engine = createBuiltinEngine({ threads: 3, ...often });
  expect(await engine.train(flickering, short, interrupted)).toMatchObject({
    error: { code: "agent_stopped" },
  });
  expect(running.size).toBe(0);
  const early = await engine.earlySplat?.(interrupted.dir, 15, new AbortController().signal);
  expect(early?.step).toBeGreaterThan(15);
  const cloud = await readShPly(join(interrupted.dir, early?.file ?? ""));
  if (!cloud.ok) throw new Error(cloud.error);
  expect(await psnrOfSplat(cloud.value, dataset)).toBeGreaterThan(10);

  const resumed = await contextIn("interrupted");
  expect(await engine.train(flickering, short, resumed)).toMatchObject({ ok: true });
  expect(resumed.lines).toContainEqual(
    expect.stringMatching(/^resuming from the checkpoint of step (19|[2-5]\d)$/),
  );
  expect(await splatBytes(resumed)).toEqual(await splatBytes(whole));
  expect(await readdir(resumed.dir)).toEqual(["splats.ply"]);
});

describe("a checkpoint that cannot be used is ignored:", () => {
  it.each([
    ["garbage", "hello", "its header is damaged"],
    [
      "another job's",
      '{"format":"splatt-builtin-checkpoint-3","key":"x","iteration":1,"count":1,"seedPoints":1,"gains":null,"poses":null,"elapsedMs":0,"rows":1,"crc32":0}\n',
      "it is of other images or other options",
    ],
  ])("%s", async (name, content, reason) => {
    const context = await contextIn(`checkpoint-${name}`);
    await writeFile(join(context.dir, "checkpoint.bin"), content);
    const result = await createBuiltinEngine({ threads: 1 }).train(
      dataset,
      { ...short, iterations: 2 },
      context,
    );
    expect(context.lines).toContain(`ignoring the checkpoint: ${reason}`);
    expect(result).toMatchObject({ ok: true });
  });
});

describe("a failure is returned as a value and leaves no thread running:", () => {
  const engine = createBuiltinEngine({ threads: 2 });

  it("aborted before it began", async () => {
    const context = await contextIn("aborted", { signal: AbortSignal.abort() });
    expect(await engine.train(dataset, short, context)).toMatchObject({ error: { code: "agent_stopped" } });
  });

  it("a photo that cannot be decoded", async () => {
    const broken = { dir: join(dir, "broken") };
    await writeSyntheticDataset(broken.dir, { frames: 4, width: 24, height: 16, points: 50 });
    await writeFile(join(broken.dir, "images/frame_00003.png"), "no image");
    const context = await contextIn("undecodable");
    expect(await engine.train(broken, short, context)).toMatchObject({ error: { code: "dataset_invalid" } });
  });

  it("a missing dataset", async () => {
    const context = await contextIn("absent");
    expect(await engine.train({ dir: join(dir, "absent") }, short, context)).toMatchObject({
      error: { code: "dataset_invalid" },
    });
  });

  it("a folder that cannot be written to", async () => {
    const context = { ...(await contextIn("unwritable")), dir: join(dir, "there", "is", "no", "such") };
    expect(await engine.train(dataset, { ...short, iterations: 2 }, context)).toMatchObject({
      error: { code: "training_failed", detail: expect.stringContaining("ENOENT") },
    });
  });
});

it("leaves out sparse points whose colours are no numbers", async () => {
  const odd = { dir: join(dir, "odd") };
  await writeSyntheticDataset(odd.dir, { frames: 4, width: 24, height: 16, points: 50 });
  const rows = Array.from({ length: 4000 }, (_, i) => `${Math.sin(i)} ${Math.cos(i)} 0 nan nan nan`).join(
    "\n",
  );
  const properties = ["x", "y", "z", "red", "green", "blue"]
    .map((name) => `property float ${name}\n`)
    .join("");
  await writeFile(
    join(odd.dir, "sparse_pc.ply"),
    `ply\nformat ascii 1.0\nelement vertex 4000\n${properties}end_header\n${rows}\n`,
  );
  const context = await contextIn("no-colours");
  const engine = createBuiltinEngine({ threads: 2 });
  expect(await engine.train(odd, { ...short, iterations: 5 }, context)).toMatchObject({ ok: true });
  expect(context.lines).toContainEqual(
    expect.stringMatching(/^starting with \d+ gaussians, 0 of them sparse points$/),
  );
});
