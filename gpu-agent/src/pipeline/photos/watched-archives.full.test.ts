import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PACKAGE_DIR } from "../../installation.ts";
import { machineSandbox } from "../../processes/sandbox.ts";
import { openedIn, straceWorks, systemCalls, watched } from "../../processes/testing/watched-program.ts";
import { type LocalServer, localServer } from "../download/testing/local-server.ts";
import { type Bait, BROKEN_VIDEOS, PLAYLISTS, READ_BY_SOME } from "../frames/testing/hostile-videos.ts";
import { takeFrames } from "../frames/testing/take-frames.ts";
import { zipOf } from "./testing/archives.ts";
import { photoOf } from "./testing/photos.ts";

/** What decodes the photos and videos of an archive, watched by strace: with hostile files, it opens no others. */

const NODE = process.execPath;

let dir: string;
let server: LocalServer;
let bait: Bait;
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "splatt-watched-archive-")));
  await mkdir(join(dir, "out"));
  server = await localServer((_, response) => response.end("secret"));
  bait = { path: join(dir, "secret.mp4"), origin: server.origin };
  await writeFile(bait.path, "secret");
  // Its probe is a program for Node, like the photo decoder. It tries what the test forbids.
  await machineSandbox().method();
  process.execPath = await watched(NODE, dir);
});
afterEach(async () => {
  process.execPath = NODE;
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function takeWatched(archive: Uint8Array) {
  await writeFile(join(dir, "source"), archive);
  const [ffmpeg, ffprobe] = [await watched("ffmpeg", dir), await watched("ffprobe", dir)];
  return takeFrames(dir, join(dir, "out"), { ffmpeg, ffprobe, minFrames: 4 });
}

/** The files of ours, and of other users, that the decoders opened. */
async function openedFiles(): Promise<string[]> {
  const calls = await systemCalls(dir);
  expect(calls.match(/^.*AF_INET.*$/m)).toBeNull();
  expect(server.connections()).toBe(0);
  const system = /^\/(?:usr|nix|bin|lib\w*|proc|sys|dev)\/|^\/etc\/(?!passwd|shadow)/;
  const repository = join(PACKAGE_DIR, "..");
  return [...openedIn(calls)].filter((path) => !system.test(path) && !path.startsWith(repository));
}

async function photos(count: number): Promise<Record<string, Buffer>> {
  const made = await Promise.all(Array.from({ length: count }, (_, seed) => photoOf({ seed })));
  return Object.fromEntries(made.map((photo, i) => [`IMG_${i}.jpg`, photo]));
}

describe.skipIf(!straceWorks)("the photo decoder", () => {
  it("opens the photos and its own code alone", async () => {
    const jpeg = await photoOf({ seed: 50 });
    const testing = join(import.meta.dirname, "testing");
    const taken = await takeWatched(
      zipOf({
        ...(await photos(4)),
        "plain.heic": await readFile(join(testing, "heic", "plain.heic")),
        "ten-bits.avif": await readFile(join(testing, "avif", "ten-bits.avif")),
        "photo.webp": await photoOf({ seed: 51, format: "webp" }),
        "cut off.jpg": jpeg.subarray(0, 900),
        "a list.jpg": Buffer.concat([
          jpeg.subarray(0, 20),
          Buffer.from(PLAYLISTS["HLS of a file"]?.(bait) ?? ""),
        ]),
        "a drawing.png": Buffer.concat([
          Buffer.from("89504e470d0a1a0a", "hex"),
          Buffer.from(PLAYLISTS["a drawing that includes a file"]?.(bait) ?? ""),
        ]),
        "damaged.heic": (await readFile(join(testing, "heic", "plain.heic"))).fill(0xff, 400, 700),
      }),
    );
    expect(taken).toMatchObject({ ok: true, value: { count: expect.any(Number) } });
    const opened = await openedFiles();
    expect(opened).toEqual(expect.arrayContaining(["encoded_0", "encoded_0.jpg", "encoded_2"]));
    expect(opened.filter((path) => !/^encoded_\d+(?:\.jpg)?$/.test(path))).toEqual([]);
  });
});

const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

describe.skipIf(!straceWorks || !installed)(
  "the decoders of an archive of videos",
  { timeout: 90_000 },
  () => {
    it("open the videos alone", async () => {
      const videos: Record<string, Buffer> = {};
      for (const [name, code, make] of BROKEN_VIDEOS) {
        if (READ_BY_SOME.has(name)) continue;
        if (code === "video_corrupt" || code === "video_no_stream") {
          await make(dir, bait);
          videos[`${name}.mp4`] = await readFile(join(dir, "source"));
        }
      }
      const lists = Object.entries(PLAYLISTS).map(([name, list]) => [`${name}.mp4`, Buffer.from(list(bait))]);
      const taken = await takeWatched(zipOf({ ...Object.fromEntries(lists), ...videos }));
      expect(taken.ok).toBe(false);
      const opened = await openedFiles();
      const unpacked = new RegExp(`^${join(dir, "out")}/video_\\d+$`);
      expect(opened.filter((path) => unpacked.test(path)).length).toBeGreaterThan(4);
      expect(opened.filter((path) => !unpacked.test(path))).toEqual([]);
    });
  },
);
