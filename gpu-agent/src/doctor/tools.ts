import { FAILURES, type Failure, type Result } from "@splatt/shared";
import { canToneMap } from "../pipeline/frames/colour.ts";
import {
  type ColmapVersion,
  isUntestedColmap,
  SUPPORTED_COLMAP,
  versionText,
} from "../pipeline/poses/colmap-version.ts";
import { type FfmpegVersion, isUntested, SUPPORTED_FFMPEG } from "../tools/ffmpeg-support.ts";
import type { ToolSurvey } from "../tools/tool-survey.ts";
import { type Check, failing, good, warning } from "./check.ts";

const COLMAP_REMEDY = `Install COLMAP ${SUPPORTED_COLMAP} (Debian and Ubuntu: apt-get install colmap), or set COLMAP_PATH.`;
const FFMPEG_REMEDY = `Install a full build of ffmpeg ${SUPPORTED_FFMPEG} (Debian and Ubuntu: apt-get install ffmpeg), or set FFMPEG_PATH and FFPROBE_PATH.`;

/** @param hasGpu whether COLMAP could use one */
export function judgeColmap(colmap: ToolSurvey["colmap"], hasGpu: boolean): Check {
  const name = "COLMAP";
  if (!colmap.ok) return failing(name, detailOf(colmap.error), COLMAP_REMEDY);
  const version: ColmapVersion = colmap.value;
  const text = `${versionText(version)}, ${version.cuda ? "with" : "without"} CUDA`;
  if (isUntestedColmap(version))
    return warning(
      name,
      text,
      `Splatt is tested with ${SUPPORTED_COLMAP}. Update Splatt, or install one of these versions.`,
    );
  if (hasGpu && !version.cuda) {
    return warning(
      name,
      text,
      "COLMAP runs on the CPU, several times slower. Install a build with CUDA to use the GPU.",
    );
  }
  return good(name, text);
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
