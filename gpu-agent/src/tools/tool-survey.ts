import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { type ColmapVersion, supportedColmap } from "../pipeline/poses/colmap-version.ts";
import { runTool } from "../processes/run-tool.ts";
import { type FfmpegLists, type FfmpegVersion, missingFeatures, supportedVersion } from "./ffmpeg-support.ts";

/** Where the tools are; names are looked for on PATH. */
export interface ToolPaths {
  readonly FFMPEG_PATH: string;
  readonly FFPROBE_PATH: string;
  readonly COLMAP_PATH: string;
}

/** The programs that every job needs, or why one cannot be used: `tool_missing` or `tool_unsupported`. */
export interface ToolSurvey {
  readonly ffmpeg: Result<{ readonly version: FfmpegVersion; readonly filters: string }, Failure>;
  readonly ffprobe: Result<FfmpegVersion, Failure>;
  readonly colmap: Result<ColmapVersion, Failure>;
}

const TIMEOUT_MS = 60_000;

/** Asks the tools for their versions and features. */
export async function surveyTools({
  FFMPEG_PATH,
  FFPROBE_PATH,
  COLMAP_PATH,
}: ToolPaths): Promise<ToolSurvey> {
  // A separate folder, because a confined program may write to its working folder.
  const cwd = await mkdtemp(join(tmpdir(), "splatt-tools-"));
  try {
    const [ffmpeg, ffprobe, colmap] = await Promise.all([
      surveyFfmpeg(FFMPEG_PATH, cwd),
      print(FFPROBE_PATH, ["-version"], cwd),
      print(COLMAP_PATH, ["-h"], cwd),
    ]);
    return {
      ffmpeg,
      ffprobe: ffprobe.ok ? supportedVersion(FFPROBE_PATH, ffprobe.value) : ffprobe,
      colmap: colmap.ok ? supportedColmap(COLMAP_PATH, colmap.value) : colmap,
    };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** The first problem that prevents the agent from processing jobs; null when none does. */
export function firstToolFailure({ ffmpeg, ffprobe, colmap }: ToolSurvey): Failure | null {
  const failed = [ffmpeg, ffprobe, colmap].find((tool) => !tool.ok);
  return failed === undefined || failed.ok ? null : failed.error;
}

async function surveyFfmpeg(program: string, cwd: string): Promise<ToolSurvey["ffmpeg"]> {
  const printed = await print(program, ["-version"], cwd);
  if (!printed.ok) return printed;
  const version = supportedVersion(program, printed.value);
  if (!version.ok) return version;
  const lists = await featureLists(program, cwd);
  if (!lists.ok) return lists;
  const missing = missingFeatures(lists.value);
  if (missing.length > 0) {
    const what = missing.slice(0, 5).join(", ");
    return err(
      failure(
        "tool_unsupported",
        `${program} ${version.value.text} lacks ${what}; a full build of ffmpeg is needed.`,
      ),
    );
  }
  return ok({ version: version.value, filters: lists.value.filters });
}

async function featureLists(program: string, cwd: string): Promise<Result<FfmpegLists, Failure>> {
  const list = (name: string) => print(program, ["-hide_banner", `-${name}`], cwd);
  const decoders = await list("decoders");
  if (!decoders.ok) return decoders;
  const encoders = await list("encoders");
  if (!encoders.ok) return encoders;
  const filters = await list("filters");
  if (!filters.ok) return filters;
  const formats = await list("formats");
  if (!formats.ok) return formats;
  const value = {
    decoders: decoders.value,
    encoders: encoders.value,
    filters: filters.value,
    formats: formats.value,
  };
  return ok(value);
}

/** A program's output on both streams; a program that cannot start is unsupported. */
async function print(file: string, args: readonly string[], cwd: string): Promise<Result<string, Failure>> {
  const lines: string[] = [];
  const exit = await runTool({
    file,
    args,
    cwd,
    env: { QT_QPA_PLATFORM: "offscreen", TERM: "dumb", AV_LOG_FORCE_NOCOLOR: "1" },
    signal: new AbortController().signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    onLine: (line) => lines.push(line),
    confine: { reads: [] },
  });
  if (!exit.ok) {
    const isMissing = exit.error.code === "tool_missing";
    return err(isMissing ? exit.error : failure("tool_unsupported", exit.error.detail));
  }
  const { exitCode, signal, tail } = exit.value;
  // For example, a library is missing or the CPU is too old.
  if (lines.length === 0 || signal !== null || exitCode === 127) {
    const how = signal ?? `exit code ${exitCode}`;
    const said = tail.at(-1) === undefined ? "" : ` It said: ${tail.at(-1)}`;
    return err(failure("tool_unsupported", `${file} does not run (${how}).${said}`));
  }
  return ok(lines.join("\n"));
}
