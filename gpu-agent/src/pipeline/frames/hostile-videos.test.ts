import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { straceWorks, systemCalls, watched } from "../../processes/testing/watched-program.ts";
import { bait, dir, installed, testHostileVideos } from "./testing/hostile-video-tests.ts";
import { BROKEN_VIDEOS, PLAYLISTS } from "./testing/hostile-videos.ts";
import { TELLING } from "./testing/telling-hostile-videos.ts";

/** One of each kind; hostile-videos.full.test.ts has the others. */

testHostileVideos((name) => TELLING.has(name));

it("knows the videos that it chooses", () => {
  const known = [...Object.keys(PLAYLISTS), ...BROKEN_VIDEOS.map(([name]) => name)];
  expect([...TELLING].filter((name) => !known.includes(name))).toEqual([]);
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
