import { execFileSync, spawnSync } from "node:child_process";
import { constants, existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openedIn, straceWorks, systemCalls, watched } from "../../processes/testing/watched-program.ts";
import { type LocalServer, localServer } from "../download/testing/local-server.ts";
import { FRAME_LIMITS } from "./frame-plan.ts";
import { createFramesStage } from "./frames-stage.ts";
import { type Bait, BROKEN_VIDEOS, PLAYLISTS, READ_BY_SOME } from "./testing/hostile-videos.ts";

/** With the real ffmpeg, and strace watching it where there is one that may. */
const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

let dir = "";
let bait: Bait;
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

async function takeFrames() {
  const stage = createFramesStage({
    ffmpeg: await watched("ffmpeg", dir),
    ffprobe: await watched("ffprobe", dir),
    ...FRAME_LIMITS,
    minFrames: 4,
    commandTimeoutMs: 60_000,
  });
  return stage.run(
    {
      files: [{ path: join(dir, "source"), name: "source" }],
      options: { fps: 4, start_sec: 0, end_sec: null },
    },
    {
      dir: join(dir, "out"),
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
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

describe.skipIf(!installed)("a list of other files", () => {
  it.each(Object.entries(PLAYLISTS))("%s: nothing of what it names is opened", async (_, list) => {
    const trap = await layBait();
    await writeFile(join(dir, "source"), list(bait));
    expect(await takeFrames()).toMatchObject({ ok: false, error: { code: "video_unsupported" } });
    await expectNothingElseTouched(trap);
  });
});

describe.skipIf(!installed)("a broken or hostile video", { timeout: 90_000 }, () => {
  it.each(BROKEN_VIDEOS)("%s: %s", async (name, code, make) => {
    await make(dir, bait);
    const trap = await layBait();
    const result = await takeFrames();
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

it.skipIf(!installed || !straceWorks)("strace would tell, so that the above can fail", async () => {
  const ffmpeg = await watched("ffmpeg", dir);
  // Not spawnSync: the server that is connected to lives in this process.
  const run = (...args: string[]) => execa(ffmpeg, ["-nostdin", ...args], { reject: false, timeout: 60_000 });
  await writeFile(join(dir, "source"), "ffconcat version 1.0\nfile /etc/passwd\n");
  await run("-safe", "0", "-f", "concat", "-i", join(dir, "source"));
  expect(await systemCalls(dir)).toContain('"/etc/passwd"');
  await run("-i", `${bait.origin}/v.mp4`);
  expect(await systemCalls(dir)).toMatch(/AF_INET/);
});
