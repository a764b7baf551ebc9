import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunFolder } from "./run-folder.ts";

/** What `splatt-agent run` refuses, with real ffmpeg. run.full.test.ts runs to the end. */

const TIME_LIMIT_MS = 300_000;

let folder: RunFolder;
beforeAll(async () => {
  folder = await RunFolder.make();
}, 120_000);
afterAll(() => folder.remove());

it("reports what is wrong with a video, and keeps the tools' output", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  const failed = await folder.run(RunFolder.CLIP, "--fps", "1", "--out", "short");
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain("The time range yields too few frames for a reconstruction.");
  expect(failed.stderr).toContain("Use a longer range or a higher fps");
});

it("does not train on the CPU without consent", async () => {
  const settings = { ENGINE: "nerfstudio", NERF_PYTHON_PATH: join(folder.dir, "no-python") };
  const refused = await folder.runWith(settings, RunFolder.CLIP);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain(
    "No splat can be made here: ENGINE=nerfstudio, but nerfstudio is not usable",
  );
});
