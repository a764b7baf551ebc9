import { execFileSync, spawnSync } from "node:child_process";
import { constants, existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openedIn, straceWorks, systemCalls, watched } from "../../../processes/testing/watched-program.ts";
import { type LocalServer, localServer } from "../../download/testing/local-server.ts";
import { type Bait, BROKEN_VIDEOS, PLAYLISTS, READ_BY_SOME } from "./hostile-videos.ts";
import { takeFrames } from "./take-frames.ts";

/** With the real ffmpeg, and strace watching it where there is one that may. */

export const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

/** Of the test that runs. */
export let dir = "";
export let bait: Bait;
let server: LocalServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-hostile-video-"));
  await mkdir(join(dir, "out"));
  server = await localServer((_, response) => response.end("secret"));
  bait = { path: join(dir, "secret.mp4"), origin: server.origin };
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function takeWatched() {
  const [ffmpeg, ffprobe] = [await watched("ffmpeg", dir), await watched("ffprobe", dir)];
  return takeFrames(dir, join(dir, "out"), { ffmpeg, ffprobe, minFrames: 4 });
}

/** A pipe as bait: whoever opens it for reading lets the writer in. */
async function layBait(): Promise<{ taken(): Promise<boolean> }> {
  execFileSync("mkfifo", [bait.path]);
  const writer = open(bait.path, "w").then((handle) => handle.close().then(() => true));
  return {
    async taken() {
      const taken = await Promise.race([writer, Promise.resolve(false)]);
      const release = await open(bait.path, constants.O_RDONLY | constants.O_NONBLOCK);
      await writer;
      await release.close();
      return taken;
    },
  };
}

async function expectNothingElseTouched(trap: { taken(): Promise<boolean> }): Promise<void> {
  expect(await trap.taken()).toBe(false);
  expect(server.connections()).toBe(0);
  expect(await readdir(join(dir, "out"))).toEqual([]);
  expect(existsSync(join(dirname(dir), "attachment-escaped"))).toBe(false);
  if (!straceWorks) return;
  const calls = await systemCalls(dir);
  expect(calls).toContain(`"${join(dir, "source")}"`);
  const ours = [...openedIn(calls)].filter((path) => path.startsWith(dir) || path === "/etc/passwd");
  expect(new Set(ours)).toEqual(new Set([join(dir, "source")]));
  expect(calls).not.toMatch(/AF_INET/);
}

/** The tests of some hostile videos: each is refused, and nothing but the file is touched. */
export function testHostileVideos(isWanted: (name: string) => boolean): void {
  describe.skipIf(!installed)("a list of other files", () => {
    it.each(Object.entries(PLAYLISTS).filter(([name]) => isWanted(name)))(
      "%s: nothing of what it names is opened",
      async (_, list) => {
        const trap = await layBait();
        await writeFile(join(dir, "source"), list(bait));
        expect(await takeWatched()).toMatchObject({ ok: false, error: { code: "video_unsupported" } });
        await expectNothingElseTouched(trap);
      },
    );
  });

  describe.skipIf(!installed)("a broken or hostile video", { timeout: 90_000 }, () => {
    it.each(BROKEN_VIDEOS.filter(([name]) => isWanted(name)))("%s: %s", async (name, code, make) => {
      await make(dir, bait);
      const trap = await layBait();
      const result = await takeWatched();
      if (!result.ok || !READ_BY_SOME.has(name)) {
        expect(result).toMatchObject({ ok: false, error: { code } });
      } else {
        await rm(join(dir, "out"), { recursive: true });
        await mkdir(join(dir, "out"));
      }
      expect(JSON.stringify(result)).not.toContain(dir);
      await expectNothingElseTouched(trap);
    });
  });
}
