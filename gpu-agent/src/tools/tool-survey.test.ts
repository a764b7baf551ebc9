import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findProgram } from "../processes/find-program.ts";
import { firstToolFailure, surveyTools } from "./tool-survey.ts";

const PROGRAMS = { FFMPEG_PATH: "ffmpeg", FFPROBE_PATH: "ffprobe", COLMAP_PATH: "colmap" };
const REAL = { ...PROGRAMS, PYCOLMAP_PYTHON: null, NERF_PYTHON_PATH: null };
const installed = Object.values(PROGRAMS).every((name) => findProgram(name) !== null);

describe.skipIf(!installed)("the tools of this machine", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-survey-test-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function program(name: string, script: string): Promise<string> {
    const path = join(dir, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it("are supported", async () => {
    const survey = await surveyTools(REAL);
    expect(firstToolFailure(survey)).toBeNull();
    expect(survey).toMatchObject({ ffmpeg: { ok: true }, ffprobe: { ok: true }, colmaps: [{ ok: true }] });
  });

  it.each([
    [
      "FFMPEG_PATH",
      "echo 'ffmpeg version 4.3.7'; echo 'libavutil 56. 51.100'",
      "tool_unsupported",
      "4.3.7 is too old",
    ],
    [
      "FFMPEG_PATH",
      `case "$*" in *-encoders) echo none;; *) exec ffmpeg "$@";; esac`,
      "tool_unsupported",
      "the encoder mjpeg",
    ],
    [
      "FFPROBE_PATH",
      "echo 'error while loading shared libraries' >&2; exit 127",
      "tool_unsupported",
      "exit code 127",
    ],
    ["FFPROBE_PATH", "kill -ILL $$", "tool_unsupported", "does not run"],
    ["COLMAP_PATH", "echo 'COLMAP 3.7 -- Structure-from-Motion'", "tool_unsupported", "3.7 is too old"],
    ["COLMAP_PATH", "exit 0", "tool_unsupported", "does not run (exit code 0)"],
  ])("are named where %s is %s", async (setting, script, code, detail) => {
    const path = await program("tool", script);
    const failure = firstToolFailure(await surveyTools({ ...REAL, [setting]: path }));
    expect(failure).toMatchObject({ code, detail: expect.stringContaining(detail) });
  });

  it("are named where one is missing", async () => {
    const survey = await surveyTools({ ...REAL, COLMAP_PATH: join(dir, "no-colmap") });
    expect(firstToolFailure(survey)).toMatchObject({ code: "tool_missing" });
  });
});
