import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/** What `splatt-agent run` refuses, with real ffmpeg. run.full.test.ts runs to the end. */

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
