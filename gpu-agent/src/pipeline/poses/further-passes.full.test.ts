import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderSampleFrames } from "@splatt/sample-clip";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { median } from "../median.ts";
import type { StageContext } from "../stage.ts";
import { continuePass, runPass, USUAL_SHARES } from "./colmap-pass.ts";
import { type ColmapProgram, colmapAt, findColmap, pycolmapIn } from "./colmap-program.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { dialectOf } from "./colmap-version.ts";
import { readMatchedPairs } from "./feature-database.ts";
import { choosePairs, pairKey } from "./image-pairs.ts";
import { placeCameras } from "./map-cameras.ts";
import { readModel } from "./model-files.ts";
import { cameraPose } from "./normalize.ts";
import { observationsOf } from "./observations.ts";
import { tryOwnCameras } from "./own-cameras.ts";
import { passPaths } from "./pass.ts";
import { firstPass, withThresholds } from "./settings.ts";
import { pythonWithPycolmap } from "./testing/pycolmap-environment.ts";
import { length, subtract } from "./vectors.ts";

/** Further passes with the real COLMAP and pycolmap, on rendered pictures. */
const python = await pythonWithPycolmap("4.2.1");
const PROGRAMS: [name: string, program: ColmapProgram | null][] = [
  ["COLMAP", spawnSync("colmap", ["-h"]).status === 0 ? colmapAt("colmap") : null],
  ["pycolmap", python === null ? null : pycolmapIn(python)],
];

const SIZE = { width: 320, height: 240 };
const FRAMES = 14;
/**
 * The share of the clip from one frame to the next: with two thirds of it, seven frames hardly tell the focal length.
 */
const STEP = 0.04;
const names = Array.from({ length: FRAMES }, (_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`);

const TASK = {
  ...SIZE,
  preset: "draft",
  frames: FRAMES,
  unordered: false,
  gpu: false,
  cores: 2,
} as const;

let dir = "";

/** The pictures' pixels. */
const pictures: Buffer[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-passes-"));
  const times = names.map((_, i) => 0.3 + STEP * i);
  for await (const pixels of renderSampleFrames(times, SIZE)) pictures.push(Buffer.from(pixels));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

/** @param shown the share of a picture's sides that is shown, as if zoomed */
async function writePictures(folder: string, shown: (index: number) => number = () => 1): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, pixels] of pictures.entries()) {
    const part = shown(index);
    const [width, height] = [SIZE.width * part, SIZE.height * part];
    const file = join(folder, names[index] ?? "");
    await sharp(pixels, { raw: { ...SIZE, channels: 3 } })
      .extract({ left: (SIZE.width - width) / 2, top: (SIZE.height - height) / 2, width, height })
      .resize(SIZE)
      .jpeg({ quality: 95 })
      .toFile(file);
  }
}

function contextIn(folder: string): StageContext {
  return {
    dir: folder,
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    report: () => undefined,
    toolOutput: () => undefined,
  };
}

async function jobIn(folder: string, program: ColmapProgram, known = true): Promise<ColmapJob> {
  const colmap = await findColmap([program], false, folder, new AbortController().signal);
  if (!colmap.ok) throw new Error(colmap.error.detail);
  return {
    colmap: colmap.value,
    dialect: dialectOf(colmap.value),
    images: join(folder, "images"),
    names,
    cameras: [{ ...SIZE, names, known, focal: null }],
    sizes: new Map(names.map((name) => [name, SIZE])),
    places: new Map(),
    videoOf: new Map(),
    threads: null,
    gpu: { enabled: false },
    timeoutMs: 300_000,
    silenceMs: 300_000,
    matchingEndsAt: null,
    context: contextIn(folder),
  };
}

describe.each(PROGRAMS)("a further pass with %s", (name, program) => {
  it.skipIf(program === null)(
    "extends the model of the first by the frames that it had not matched",
    async () => {
      const folder = join(dir, name);
      await writePictures(join(folder, "images"));
      const job = await jobIn(folder, program ?? colmapAt(""));
      const early = choosePairs(names.slice(0, 9), new Set(), null, 100);
      const plan = () => ({ ...firstPass(TASK), matching: { kind: "pairs", pairs: early } as const });
      const first = await runPass(job, plan, join(folder, "first"), USUAL_SHARES, () => undefined);
      if (!first.ok) throw new Error(first.error.detail);
      const [before] = first.value.outcome.models;
      if (before === undefined) throw new Error("the first pass left no model");
      expect(before.names.length).toBeGreaterThanOrEqual(7);
      expect(before.names.length).toBeLessThanOrEqual(9);

      const { database } = passPaths(join(folder, "first"), job.images);
      const matched = readMatchedPairs(database);
      if (!matched.ok) throw new Error(matched.error);
      const done = new Set(matched.value.map(({ images: [a, b] }) => pairKey(a, b)));
      expect(done).toEqual(new Set(early.map(([a, b]) => pairKey(a, b))));
      const missing = new Set(names.filter((name) => !before.names.includes(name)));
      const second = await continuePass(
        job,
        {
          plan: () => withThresholds(plan(), "relaxed"),
          pairs: choosePairs(names, done, missing, 1000),
          ...{ from: first.value.outcome, fragments: [], extend: true, onlyMerge: false },
          sparse: join(folder, "first", "sparse-1"),
        },
        join(folder, "first"),
        { extract: 0, match: 1, map: 1 },
        () => undefined,
      );
      if (!second.ok) throw new Error(second.error.detail);
      const [after] = second.value.models;
      expect(after?.names).toEqual(expect.arrayContaining([...before.names]));
      expect(after?.names.length).toBeGreaterThanOrEqual(12);
      const model = await readModel(after?.dir ?? "");
      if (!model.ok) throw new Error(model.error);
      const errors = model.value.points.map(({ error }) => error).toSorted((a, b) => a - b);
      expect(errors[errors.length >> 1]).toBeLessThan(1);
      // The earlier model is still there, for a pass that gains nothing.
      expect((await readModel(before.dir)).ok).toBe(true);
    },
    300_000,
  );

  it.skipIf(program === null)(
    "merges two models as soon as frames of both match",
    async () => {
      const folder = join(dir, `${name}-merged`);
      await writePictures(join(folder, "images"));
      const job = await jobIn(folder, program ?? colmapAt(""));
      const within = [names.slice(0, 7), names.slice(7)].flatMap((half) =>
        choosePairs(half, new Set(), null, 100),
      );
      const plan = () => ({
        ...withThresholds(firstPass(TASK), "relaxed"),
        matching: { kind: "pairs", pairs: within } as const,
      });
      const first = await runPass(job, plan, join(folder, "first"), USUAL_SHARES, () => undefined);
      if (!first.ok) throw new Error(first.error.detail);
      const parts = first.value.outcome.models;
      expect(parts.map((part) => part.names.length)).toEqual([7, 7]);

      const across = choosePairs(names, new Set(within.map(([a, b]) => pairKey(a, b))), null, 1000);
      const continuation = {
        ...{ plan, from: first.value.outcome, fragments: parts.slice(1), extend: true, onlyMerge: true },
        sparse: join(folder, "first", "sparse-1"),
      };
      const merge = (pairs: typeof across) =>
        continuePass(job, { ...continuation, pairs }, join(folder, "first"), USUAL_SHARES, () => undefined);
      const early = await merge([]);
      if (!early.ok) throw new Error(early.error.detail);
      expect(early.value.models).toHaveLength(2);
      const merged = await merge(across);
      if (!merged.ok) throw new Error(merged.error.detail);
      expect(merged.value.models).toHaveLength(1);
      const [whole] = merged.value.models;
      expect(whole?.names.toSorted()).toEqual(names);
      const model = await readModel(whole?.dir ?? "");
      if (!model.ok) throw new Error(model.error);
      expect(observationsOf(model.value).meanError).toBeLessThan(1);
      // The rendered camera moves evenly along a path: so does the merged one, also from one part to the other.
      const places = model.value.images
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map((image) => cameraPose(image).position);
      const steps = places.slice(1).map((place, i) => length(subtract(place, places[i] ?? place)));
      const middle = steps.toSorted((a, b) => a - b)[steps.length >> 1] ?? 0;
      expect(Math.max(...steps) / middle).toBeLessThan(1.6);
      expect(Math.min(...steps) / middle).toBeGreaterThan(0.6);

      // COLMAP can extend the merged model.
      const paths = {
        ...passPaths(join(folder, "first"), job.images),
        sparse: join(folder, "first", "again"),
      };
      const again = await placeCameras(job, plan, paths, whole?.dir ?? "", 0, () => undefined);
      if (!again.ok) throw new Error(again.error.detail);
      expect(again.value.models[0]?.names.toSorted()).toEqual(names);
    },
    300_000,
  );

  it.skipIf(program === null)(
    "gives each photo a camera of its own, where some were cropped",
    async () => {
      const folder = join(dir, `${name}-cropped`);
      const SHOWN = 0.75;
      await writePictures(join(folder, "images"), (index) => (index % 2 === 0 ? 1 : SHOWN));
      const job = await jobIn(folder, program ?? colmapAt(""), false);
      const plan = () => ({ ...firstPass(TASK), matching: { kind: "exhaustive" } as const });
      const first = await runPass(job, plan, join(folder, "first"), USUAL_SHARES, () => undefined);
      if (!first.ok) throw new Error(first.error.detail);
      const { outcome } = first.value;
      const own = await tryOwnCameras(job, first.value.plan, join(folder, "first"), outcome, true);
      if (!own.ok) throw new Error(own.error.detail);
      const model = await readModel(own.value.models[0]?.dir ?? "");
      if (!model.ok) throw new Error(model.error);
      const { images, cameras } = model.value;
      expect(images.length).toBeGreaterThanOrEqual(12);
      const focals = (cropped: number) =>
        images
          .filter((image) => names.indexOf(image.name) % 2 === cropped)
          .map(({ cameraId }) => cameras.get(cameraId)?.params[0] ?? 0);
      expect(median(focals(0)) / median(focals(1))).toBeCloseTo(SHOWN, 1);
      expect(observationsOf(model.value).meanError).toBeLessThan(1);
    },
    300_000,
  );
});
