import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { createBuiltinEngine } from "./engine.ts";
import { writeInexactDataset } from "./testing/inexact-dataset.ts";
import { recordedContext } from "./testing/recorded-context.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-builtin-"));
});
afterAll(() => rm(dir, { recursive: true }));

const options: TrainOptions = { iterations: 500, preset: "draft", max_splats: 4000, max_resolution: null };

it("continues with the poses of the checkpoint", { timeout: 240_000 }, async () => {
  await writeSyntheticDataset(join(dir, "exact"), { frames: 40, width: 96, height: 72 });
  const inexact = { dir: join(dir, "inexact") };
  await writeInexactDataset(inexact.dir, join(dir, "exact"));
  const whole = await recordedContext(join(dir, "whole"));
  await createBuiltinEngine({ threads: 2 }).train(inexact, options, whole);

  const stop = new AbortController();
  const interrupted = await recordedContext(join(dir, "interrupted"), {
    signal: stop.signal,
    // By then, the poses have been judged.
    report: ({ message }) => Number(/Step (\d+)/.exec(message)?.[1]) >= 150 && stop.abort(),
  });
  const engine = createBuiltinEngine({ threads: 1, checkpointIntervalMs: 0, reportIntervalMs: 0 });
  expect(await engine.train(inexact, options, interrupted)).toMatchObject({ ok: false });
  const resumed = await recordedContext(interrupted.dir);
  await engine.train(inexact, options, resumed);
  expect(resumed.lines).toContainEqual(
    expect.stringMatching(/^resuming from the checkpoint of step [1-4]\d\d$/),
  );
  const [splat, expected] = await Promise.all(
    [resumed, whole].map((context) => readFile(join(context.dir, "splats.ply"))),
  );
  expect(splat).toEqual(expected);
});
