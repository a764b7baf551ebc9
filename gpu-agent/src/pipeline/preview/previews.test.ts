import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, writeShPly } from "@splatt/formats";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Snapshot } from "../../engines/snapshots.ts";
import { type ShowPreview, showPreviews } from "./previews.ts";

let dir = "";
const log = pino({ level: "silent" });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-previews-"));
  await writeSyntheticDataset(dir, { frames: 8, width: 48, height: 36 });
  await writeShPly(join(dir, "splat.ply"), emptySplatCloud(1, 0));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Looks until the engine has no more answers, each a step with a splat's file, a failure, or nothing new. */
async function lookThrough(
  answers: readonly (Snapshot | Error | null)[],
  show: ShowPreview,
): Promise<{ after: number[] }> {
  const end = new AbortController();
  const after: number[] = [];
  const left = [...answers];
  const engine = {
    name: "brush" as const,
    earlySplat: async (_: string, shown: number) => {
      after.push(shown);
      const answer = left.shift();
      if (answer === undefined) end.abort();
      if (answer instanceof Error) throw answer;
      return answer ?? null;
    },
  };
  const transformsFile = join(dir, "transforms.json");
  await showPreviews({ engine, trainDir: dir, transformsFile, show, intervalMs: 1, log }, end.signal);
  return { after };
}

it("publishes a picture of each early splat, and asks only for newer ones", async () => {
  const pictures: Uint8Array[] = [];
  const { after } = await lookThrough(
    [null, { step: 500, file: "splat.ply" }, null, { step: 1000, file: "splat.ply" }],
    async (picture) => {
      pictures.push(picture);
    },
  );
  expect(after).toEqual([-1, -1, 500, 500, 1000]);
  expect(pictures).toHaveLength(2);
  for (const picture of pictures) {
    expect(await sharp(picture).metadata()).toMatchObject({ format: "webp", width: 48, height: 36 });
  }
});

it("continues after a failure of the engine, the rendering or the publishing", async () => {
  let tries = 0;
  const { after } = await lookThrough(
    [
      new Error("cannot be asked"),
      { step: 100, file: "missing.ply" },
      { step: 200, file: "splat.ply" },
      { step: 200, file: "splat.ply" },
    ],
    async () => {
      tries += 1;
      if (tries === 1) throw new Error("the control plane is away");
    },
  );
  expect(tries).toBe(2);
  expect(after).toEqual([-1, -1, -1, -1, 200]);
});

it("returns immediately for an engine without early splats", async () => {
  const options = { trainDir: dir, transformsFile: "", show: async () => undefined, intervalMs: 1, log };
  await showPreviews({ ...options, engine: { name: "command" } }, new AbortController().signal);
});
