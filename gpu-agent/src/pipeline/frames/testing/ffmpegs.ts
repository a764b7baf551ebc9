import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Ffmpeg {
  readonly version: string;
  readonly ffmpeg: string;
  readonly ffprobe: string;
}

/**
 * The ffmpeg on the PATH, and those that the environment variable `FFMPEGS` lists, separated by colons. A static
 * build that has no ffprobe beside it gets the one on the PATH.
 */
export function ffmpegsToTest(): Ffmpeg[] {
  const listed = (process.env.FFMPEGS ?? "").split(":").filter((path) => path !== "");
  return ["ffmpeg", ...listed].flatMap((ffmpeg) => {
    const version = versionOf(ffmpeg);
    return version === null ? [] : [{ version, ffmpeg, ffprobe: ffprobeBeside(ffmpeg) }];
  });
}

function versionOf(ffmpeg: string): string | null {
  try {
    const output = execFileSync(ffmpeg, ["-version"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return /^ffmpeg version \S+/.exec(output)?.[0] ?? null;
  } catch {
    return null;
  }
}

function ffprobeBeside(ffmpeg: string): string {
  const beside = join(dirname(ffmpeg), "ffprobe");
  return ffmpeg !== "ffmpeg" && existsSync(beside) ? beside : "ffprobe";
}
