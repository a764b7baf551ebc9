import { FAILURES, type Failure, type Result } from "@splatt/shared";
import { canToneMap } from "../pipeline/frames/colour.ts";
import { bestColmap, colmapText, type InstalledColmap } from "../pipeline/poses/colmap-program.ts";
import { isUntestedColmap, SUPPORTED_COLMAP } from "../pipeline/poses/colmap-version.ts";
import { type FfmpegVersion, isUntested, SUPPORTED_FFMPEG } from "../tools/ffmpeg-support.ts";
import type { ToolSurvey } from "../tools/tool-survey.ts";
import { type Check, failing, good, warning } from "./check.ts";

const COLMAP_REMEDY = `Install COLMAP ${SUPPORTED_COLMAP} (Debian and Ubuntu: apt-get install colmap) and set COLMAP_PATH if needed, or install pycolmap with pip in a Python 3.10 or newer and set PYCOLMAP_PYTHON to it.`;
const FFMPEG_REMEDY = `Install a full build of ffmpeg ${SUPPORTED_FFMPEG} (Debian and Ubuntu: apt-get install ffmpeg), or set FFMPEG_PATH and FFPROBE_PATH.`;

/**
 * Which COLMAP is used, and why.
 *
 * @param hasGpu whether COLMAP could use one
 */
export function judgeColmap(colmaps: ToolSurvey["colmaps"], hasGpu: boolean): Check {
  const name = "COLMAP";
  const best = bestColmap(colmaps, hasGpu);
  if (!best.ok) return failing(name, detailOf(best.error), COLMAP_REMEDY);
  const others = colmaps.flatMap((one) => (one.ok && one.value !== best.value ? [one.value] : []));
  const rejected = others.length === 0 ? "" : `; preferred to ${others.map(describe).join(" and ")}`;
  const broken = colmaps.flatMap((one) => (one.ok || !isBroken(one.error) ? [] : [one.error.detail]));
  const text = [`${describe(best.value)}${rejected}`, ...broken].join("; unusable: ");
  if (isUntestedColmap(best.value))
    return warning(
      name,
      text,
      `Splatt is tested with ${SUPPORTED_COLMAP}. Update Splatt, or install one of these versions.`,
    );
  if (hasGpu && !best.value.cuda) {
    return warning(
      name,
      text,
      "COLMAP runs on the CPU, several times slower. Install pycolmap-cuda12 with pip in a Python 3.10 or newer and set " +
        "PYCOLMAP_PYTHON to it, or install a build of COLMAP with CUDA.",
    );
  }
  return good(name, text);
}

/** Installed, but not usable. */
function isBroken({ code, detail }: Failure): boolean {
  return code !== "tool_missing" && !detail.includes("No module named 'pycolmap'");
}

function describe(colmap: InstalledColmap): string {
  return `${colmapText(colmap)}, ${colmap.cuda ? "with" : "without"} CUDA`;
}

export function judgeFfmpeg(ffmpeg: ToolSurvey["ffmpeg"]): Check {
  const name = "ffmpeg";
  if (!ffmpeg.ok) return failing(name, detailOf(ffmpeg.error), FFMPEG_REMEDY);
  const { version, filters } = ffmpeg.value;
  if (!canToneMap(filters)) {
    return warning(
      name,
      `${version.text}, without the filters zscale and tonemap`,
      "HDR videos will have pale colours. Install a build with zimg, such as Debian's or Ubuntu's.",
    );
  }
  return judgeVersion(name, version);
}

export function judgeFfprobe(ffprobe: Result<FfmpegVersion, Failure>): Check {
  const name = "ffprobe";
  return ffprobe.ok
    ? judgeVersion(name, ffprobe.value)
    : failing(name, detailOf(ffprobe.error), FFMPEG_REMEDY);
}

function judgeVersion(name: string, version: FfmpegVersion): Check {
  return isUntested(version)
    ? warning(
        name,
        version.text,
        `Splatt is tested with ${SUPPORTED_FFMPEG}. Update Splatt, or install one of these versions.`,
      )
    : good(name, version.text);
}

function detailOf({ code, detail }: Failure): string {
  return detail || FAILURES[code].sentence;
}
