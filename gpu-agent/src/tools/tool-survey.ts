import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { bestColmap, detectColmap, type InstalledColmap } from "../pipeline/poses/colmap-program.ts";
import { printedBy } from "../processes/printed-by.ts";
import { type ColmapSettings, colmapPrograms } from "./colmap-programs.ts";
import { type FfmpegLists, type FfmpegVersion, missingFeatures, supportedVersion } from "./ffmpeg-support.ts";

/** Where the tools are; names are looked for on PATH. */
export interface ToolSettings extends ColmapSettings {
  readonly FFMPEG_PATH: string;
  readonly FFPROBE_PATH: string;
}

/** The programs that every job needs, or why one cannot be used: `tool_missing` or `tool_unsupported`. */
export interface ToolSurvey {
  readonly ffmpeg: Result<{ readonly version: FfmpegVersion; readonly filters: string }, Failure>;
  readonly ffprobe: Result<FfmpegVersion, Failure>;
  /** Each COLMAP that could be used. */
  readonly colmaps: readonly Result<InstalledColmap, Failure>[];
}

/** Asks the tools for their versions and features. */
export async function surveyTools(settings: ToolSettings): Promise<ToolSurvey> {
  const { FFMPEG_PATH, FFPROBE_PATH } = settings;
  // A separate folder, because a confined program may write to its working folder.
  const cwd = await mkdtemp(join(tmpdir(), "splatt-tools-"));
  try {
    const [ffmpeg, ffprobe, ...colmaps] = await Promise.all([
      surveyFfmpeg(FFMPEG_PATH, cwd),
      print(FFPROBE_PATH, ["-version"], cwd),
      ...colmapPrograms(settings).map((program) => detectColmap(program, cwd)),
    ]);
    return {
      ffmpeg,
      ffprobe: ffprobe.ok ? supportedVersion(FFPROBE_PATH, ffprobe.value) : ffprobe,
      colmaps,
    };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** The first problem that prevents the agent from processing jobs; null when none does. */
export function firstToolFailure({ ffmpeg, ffprobe, colmaps }: ToolSurvey): Failure | null {
  const failed = [ffmpeg, ffprobe, bestColmap(colmaps, false)].find((tool) => !tool.ok);
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

function print(file: string, args: readonly string[], cwd: string): Promise<Result<string, Failure>> {
  const env = { TERM: "dumb", AV_LOG_FORCE_NOCOLOR: "1" };
  return printedBy({ file, args, cwd, env, confine: { reads: [] } });
}
