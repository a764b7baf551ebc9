import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/** `splatt-agent run` with real ffmpeg, COLMAP and builtin trainer, and without a control plane. */

const BIN = join(ROOT, "gpu-agent", "bin", "splatt-agent");
const TIME_LIMIT_MS = 300_000;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-run-"));
  const made = await makeSampleClip(join(dir, "clip.mp4"), SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

function run(...options: string[]) {
  const common = ["run", "clip.mp4", "--engine", "builtin", "--preset", "draft", "--max-resolution", "120"];
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
  const interrupted = run("--iterations", "100000");
  for await (const line of interrupted) {
    if (line.startsWith("  training")) interrupted.kill("SIGINT");
  }
  const { exitCode, stderr } = await interrupted;
  expect(stderr).toContain("Run the same command again to continue.");
  expect(exitCode).toBe(130);

  const finished = await run("--iterations", "40");
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

  const again = await run("--iterations", "40");
  expect(again.exitCode).toBe(0);
  expect(Object.values(await stagesOf("clip-splat"))).toEqual([true, true, true, true, true]);
});

it("reports what is wrong with a video, and keeps the tools' output", {
  timeout: TIME_LIMIT_MS,
}, async () => {
  const failed = await run("--fps", "1", "--out", "short");
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain("The time range yields too few frames for a reconstruction.");
  expect(failed.stderr).toContain("Use a longer range or a higher fps");
});

it("does not train on the CPU without consent", async () => {
  const refused = await execa(BIN, ["run", "clip.mp4"], {
    cwd: dir,
    reject: false,
    env: {
      WORKSPACE_ROOT: join(dir, "workspace"),
      ENGINE: "nerfstudio",
      NERF_PYTHON_PATH: join(dir, "no-python"),
    },
  });
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("Takes no jobs: ENGINE=nerfstudio, but nerfstudio is not usable");
});
