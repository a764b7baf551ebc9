import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeStaticClip } from "@splatt/sample-clip/testing";
import { FAILURES } from "@splatt/shared";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunFolder } from "./run-folder.ts";

/** Whole runs of `splatt-agent run`, with real ffmpeg, COLMAP and builtin trainer, and without a control plane. */

const TIME_LIMIT_MS = 300_000;

let folder: RunFolder;
beforeAll(async () => {
  folder = await RunFolder.make();
}, 120_000);
afterAll(() => folder.remove());

async function stagesOf(out: string): Promise<Record<string, boolean>> {
  const { stages } = JSON.parse(await readFile(join(folder.dir, out, "metrics.json"), "utf8")) as {
    stages: { stage: string; reused: boolean }[];
  };
  return Object.fromEntries(stages.map(({ stage, reused }) => [stage, reused]));
}

it("turns a video into a splat, resumes after Ctrl-C, and reuses stages that are still valid", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  const interrupted = folder.run(RunFolder.CLIP, "--iterations", "100000");
  for await (const line of interrupted) {
    if (line.startsWith("  training")) interrupted.kill("SIGINT");
  }
  const { exitCode, stderr } = await interrupted;
  expect(stderr).toContain("Run the same command again to continue.");
  expect(exitCode).toBe(130);

  const finished = await folder.run(RunFolder.CLIP, "--iterations", "40");
  expect(finished.exitCode, finished.stderr).toBe(0);
  expect(finished.stdout).toMatch(/^Gaussians +\d/m);
  expect(finished.stdout).toContain("The files are in clip-splat");
  expect((await readdir(join(folder.dir, "clip-splat"))).toSorted()).toEqual(
    expect.arrayContaining([
      "baked_splat.ply",
      "baked_splat_sh.ply",
      "pipeline.log",
      "metrics.json",
      "transforms.json",
    ]),
  );
  expect(await stagesOf("clip-splat")).toEqual({
    download: true,
    frames: true,
    poses: true,
    train: false,
    export: false,
  });
  // The next run uses this host's recorded stage times, even with another results folder.
  const history = JSON.parse(await readFile(join(folder.dir, "workspace", "stage-history.json"), "utf8"));
  expect(history.runs.map(({ stage }: { stage: string }) => stage)).toContain("poses");

  const again = await folder.run(RunFolder.CLIP, "--iterations", "40");
  expect(again.exitCode).toBe(0);
  expect(Object.values(await stagesOf("clip-splat"))).toEqual([true, true, true, true, true]);
});

it("says of a camera that stands still that nothing can be reconstructed", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  await makeStaticClip(join(folder.dir, "still.mp4"));
  const failed = await folder.run("still.mp4", "--iterations", "60");
  expect(failed.exitCode).toBe(1);
  const { sentence, hint } = FAILURES.poses_no_parallax;
  expect(failed.stderr).toContain(sentence);
  expect(failed.stderr).toContain(hint);
});
