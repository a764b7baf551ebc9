import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import { makeStaticClip } from "@splatt/sample-clip/testing";
import { FAILURES } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/** Whole runs of `splatt-agent run`, with real ffmpeg, COLMAP and builtin trainer, and without a control plane. */

const BIN = join(ROOT, "gpu-agent", "bin", "splatt-agent");
const TIME_LIMIT_MS = 300_000;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-run-"));
  const made = await makeSampleClip(join(dir, "clip.mp4"), SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

function run(clip: string, ...options: string[]) {
  const common = ["run", clip, "--engine", "builtin", "--preset", "draft", "--max-resolution", "120"];
  return execa(BIN, [...common, ...options], {
    cwd: dir,
    reject: false,
    env: { WORKSPACE_ROOT: join(dir, "workspace") },
  });
}

async function stagesOf(out: string): Promise<Record<string, boolean>> {
  const { stages } = JSON.parse(await readFile(join(dir, out, "metrics.json"), "utf8")) as {
    stages: { stage: string; reused: boolean }[];
  };
  return Object.fromEntries(stages.map(({ stage, reused }) => [stage, reused]));
}

it("turns a video into a splat, resumes after Ctrl-C, and reuses stages that are still valid", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  const interrupted = run("clip.mp4", "--iterations", "100000");
  for await (const line of interrupted) {
    if (line.startsWith("  training")) interrupted.kill("SIGINT");
  }
  const { exitCode, stderr } = await interrupted;
  expect(stderr).toContain("Run the same command again to continue.");
  expect(exitCode).toBe(130);

  const finished = await run("clip.mp4", "--iterations", "40");
  expect(finished.exitCode, finished.stderr).toBe(0);
  expect(finished.stdout).toMatch(/^Gaussians +\d/m);
  expect(finished.stdout).toContain("The files are in clip-splat");
  expect((await readdir(join(dir, "clip-splat"))).toSorted()).toEqual(
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
  const history = JSON.parse(await readFile(join(dir, "workspace", "stage-history.json"), "utf8"));
  expect(history.runs.map(({ stage }: { stage: string }) => stage)).toContain("poses");

  const again = await run("clip.mp4", "--iterations", "40");
  expect(again.exitCode).toBe(0);
  expect(Object.values(await stagesOf("clip-splat"))).toEqual([true, true, true, true, true]);
});

it("says of a camera that stands still that nothing can be reconstructed", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  await makeStaticClip(join(dir, "still.mp4"));
  const failed = await run("still.mp4", "--iterations", "60");
  expect(failed.exitCode).toBe(1);
  const { sentence, hint } = FAILURES.poses_no_parallax;
  expect(failed.stderr).toContain(sentence);
  expect(failed.stderr).toContain(hint);
});
