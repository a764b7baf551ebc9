import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSyntheticDataset } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, type SplatCloud, writeShPly } from "@splatt/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeFilm } from "./encode-film.ts";
import { type FlyThrough, makeFlyThrough } from "./fly-through.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-film-"));
  await writeSyntheticDataset(dir, { frames: 12, width: 64, height: 48, points: 10 });
  await writeShPly(join(dir, "ball.ply"), ball(1.5));
  await writeShPly(join(dir, "black.ply"), ball(-3));
});
afterAll(() => rm(dir, { recursive: true }));

function ball(brightness: number): SplatCloud {
  const cloud = emptySplatCloud(400, 0);
  for (let i = 0; i < cloud.count; i++) {
    cloud.positions.set([0.4 * Math.sin(i), 0.4 * Math.cos(2 * i), 0.4 * Math.sin(3 * i + 1)], 3 * i);
    cloud.logScales.fill(-2.7, 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 4;
    cloud.dc.fill(brightness, 3 * i, 3 * i + 3);
  }
  return cloud;
}

const logged: string[] = [];
const toolOutput = (line: string) => void logged.push(line);
const context = () => ({
  ...{ dir, signal: new AbortController().signal, toolOutput, report: () => undefined },
});

async function make(request: Partial<FlyThrough> = {}, ffmpeg = "ffmpeg") {
  const file = join(dir, "flythrough.mp4");
  const whole = {
    ...{ splatFile: join(dir, "ball.ply"), transformsFile: join(dir, "transforms.json"), gaussians: 400 },
    ...{ up: [0, 0, 1] as const, jobSeconds: 123_456.789, file, ...request },
  };
  return makeFlyThrough(whole, { ffmpeg, threads: 2 }, context());
}

/** A program in place of ffmpeg. */
async function program(script: string): Promise<string> {
  const path = join(dir, "not-ffmpeg");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("the fly-through", () => {
  it("is a film, checked by decoding it, and leaves no other file", async () => {
    const before = await readdir(dir);
    logged.length = 0;
    const made = await make();
    expect(made).toEqual({ ok: true, value: { width: 64, height: 48, frames: 240 } });
    expect((await stat(join(dir, "flythrough.mp4"))).size).toBeGreaterThan(5000);
    expect(await readdir(dir)).toEqual(expect.arrayContaining(before));
    expect(await readdir(dir)).toHaveLength(before.length + 1);
    // The encoder has much to say, and would end each job's log with it.
    expect(logged.join("\n")).toBe("");
  });

  it("is left out where the job took no time", async () => {
    const error = expect.stringMatching(/^It would take .* may take a tenth of the job's 0\.0 s so far\.$/);
    expect(await make({ jobSeconds: 0 })).toEqual({ ok: false, error });
  });

  it("is left out where ffmpeg cannot write H.264, before anything is rendered", async () => {
    const ffmpeg = await program('echo " V....D mpeg4    MPEG-4 part 2"');
    const error = "This ffmpeg cannot write H.264: it has no encoder libx264.";
    expect(await make({ splatFile: join(dir, "none.ply") }, ffmpeg)).toEqual({ ok: false, error });
  });

  it("is left out where an engine's own transforms.json is no dataset's", async () => {
    const transformsFile = join(dir, "own.json");
    await writeFile(transformsFile, '{"frames": []}');
    const error = "transforms.json does not say how the cameras see.";
    expect(await make({ transformsFile })).toEqual({ ok: false, error });
  });

  it("is left out where its pictures cannot be rendered", async () => {
    expect(await make({ splatFile: join(dir, "none.ply") })).toMatchObject({ ok: false });
  });
});

describe("encodeFilm", () => {
  const size = { width: 64, height: 48 };
  async function pictures(count: number, value: number): Promise<Buffer[]> {
    const { default: sharp } = await import("sharp");
    const background = { r: value, g: value, b: value };
    const picture = await sharp({ create: { ...size, channels: 3, background } })
      .jpeg()
      .toBuffer();
    return Array.from({ length: count }, () => picture);
  }
  const encode = (jpegs: readonly Buffer[], wanted = size) =>
    encodeFilm(jpegs, wanted, { ffmpeg: "ffmpeg", file: join(dir, "film.mp4") }, context());

  it("writes each picture", async () => {
    expect(await encode(await pictures(30, 120))).toEqual({ ok: true, value: undefined });
  });

  it("finds black films, films of another size, and lost pictures", async () => {
    expect(await encode(await pictures(30, 0))).toEqual({ ok: false, error: "30 of 30 pictures are black." });
    expect(await encode(await pictures(30, 120), { width: 128, height: 48 })).toMatchObject({
      error: expect.stringMatching(/^The film is not H.264 in yuv420p of 128x48/),
    });
    const cut = (await pictures(1, 120)).map((picture) => picture.subarray(0, 100));
    expect(await encode([...(await pictures(10, 120)), ...cut, ...cut])).toMatchObject({ ok: false });
  });
});
