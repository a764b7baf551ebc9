import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderSampleFrames } from "@splatt/sample-clip";
import { execa } from "execa";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { extractFeatures, mapCameras, matchFeatures, matchPairs } from "./colmap-commands.ts";
import { detectColmap, findColmap, type InstalledColmap, pycolmapIn } from "./colmap-program.ts";
import { dialectOf } from "./colmap-version.ts";
import { createPosesStage } from "./poses-stage.ts";
import { firstPass, type PoseTask, thorough } from "./settings.ts";
import { pythonWithPycolmap } from "./testing/pycolmap-environment.ts";

/** With the real pycolmap, in the oldest and the newest supported version. Skipped where pip cannot fetch them. */
const VERSIONS = ["4.0.4", "4.2.1"];

const SIZE = { width: 240, height: 180 };
const TASK: PoseTask = {
  preset: "standard",
  frames: 50,
  unordered: false,
  gpu: false,
  cores: 2,
  ...SIZE,
};

for (const version of VERSIONS) {
  const python = await pythonWithPycolmap(version);
  describe.skipIf(python === null)(`pycolmap ${version}`, () => {
    let dir = "";
    let found: InstalledColmap;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "splatt-pycolmap-"));
      await mkdir(join(dir, "out"));
      const detected = await detectColmap(pycolmapIn(python ?? ""), join(dir, "out"));
      if (!detected.ok) throw new Error(detected.error.detail);
      found = detected.value;
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));

    it("is detected", async () => {
      const [major, minor] = version.split(".").map(Number);
      expect(found).toMatchObject({ major, minor, cuda: false, program: { kind: "pycolmap" } });
    });

    it.each(["draft", "standard", "high"] as const)(
      "understands all options of the preset %s",
      async (preset) => {
        const paths = { database: "none.db", images: "none", sparse: "none", pairs: "none.txt" };
        const first = firstPass({ ...TASK, preset });
        for (const settings of [first, thorough({ ...TASK, preset }, first, { kind: "exhaustive" }, 300)]) {
          for (const command of [extractFeatures, matchFeatures, matchPairs, mapCameras]) {
            const camera = { ...SIZE, focal: 700, list: "/dev/null" };
            const args = command(dialectOf(found), settings, paths, { gpu: false, threads: 2 }, camera);
            const ran = await execa(found.program.file, [...found.program.args, ...args], {
              cwd: join(dir, "out"),
              reject: false,
            });
            expect(ran.stderr).not.toContain("Failed to parse options");
            expect(ran.exitCode).not.toBe(0);
          }
        }
      },
    );

    it("places the frames", async () => {
      const frames = join(dir, "frames");
      await mkdir(frames);
      let number = 0;
      const progress = Array.from({ length: 12 }, (_, i) => 0.35 + 0.027 * i);
      for await (const pixels of renderSampleFrames(progress, SIZE)) {
        number++;
        await sharp(pixels, { raw: { ...SIZE, channels: 3 } })
          .jpeg({ quality: 95 })
          .toFile(join(frames, `frame_${String(number).padStart(5, "0")}.jpg`));
      }
      const messages: string[] = [];
      const stage = createPosesStage({
        colmap: [found.program],
        gpu: false,
        threads: null,
        commandTimeoutMs: 120_000,
        silenceMs: 120_000,
      });
      const result = await stage.run(
        {
          framesDir: frames,
          frames: { count: number, ...SIZE, fps: 4, start_sec: 0, end_sec: 3, times: [], notes: [] },
          preset: "draft",
          up: "auto",
        },
        {
          dir: join(dir, "out"),
          signal: new AbortController().signal,
          log: pino({ level: "silent" }),
          report: ({ message }) => void messages.push(message ?? ""),
          toolOutput: () => undefined,
        },
      );
      expect(result).toMatchObject({ ok: true, value: { capture: { frames: 12 } } });
      if (!result.ok) return;
      expect(result.value.colmap).toMatch(/^4\.\d.* \(pycolmap\)$/);
      expect(result.value.capture.registered).toBeGreaterThanOrEqual(11);
      expect(result.value.capture.mean_reprojection_error).toBeLessThan(1);
      // Its log is read like COLMAP's own.
      expect(messages).toContainEqual(expect.stringContaining("finding features: 12 of 12"));
      expect(messages).toContainEqual(expect.stringMatching(/^placing cameras: 1[12] of 12/));
    });
  });
}

describe("a Python without pycolmap", () => {
  it("is not COLMAP", async () => {
    const dir = await mkdtemp(join(tmpdir(), "splatt-pycolmap-"));
    try {
      const found = await findColmap([pycolmapIn("python3")], false, dir, new AbortController().signal);
      expect(found).toMatchObject({ ok: false, error: { code: "tool_unsupported" } });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
