import type { Result } from "@splatt/shared";
import { canToneMap } from "../pipeline/frames/colour.ts";
import { type ColmapVersion, parseColmapHelp, versionText } from "../pipeline/poses/colmap-version.ts";
import { type Check, failing, good, warning } from "./check.ts";

/** What a program printed, or why it did not. */
export type Printed = Result<string, string>;

/** @param hasGpu whether COLMAP could use one */
export function judgeColmap(help: Printed, hasGpu: boolean): Check {
  const name = "COLMAP";
  const remedy = "Install COLMAP (Debian and Ubuntu: apt-get install colmap), or set COLMAP_PATH.";
  if (!help.ok) return failing(name, help.error, remedy);
  const version = parseColmapHelp(help.value);
  if (version === null) {
    return failing(name, "what COLMAP_PATH names does not answer like COLMAP", remedy);
  }
  const text = `${versionText(version)}, ${version.cuda ? "with" : "without"} CUDA`;
  if (isOld(version)) return warning(name, text, "Install 3.8 or newer; older ones were not tried.");
  if (hasGpu && !version.cuda) {
    return warning(
      name,
      text,
      "It solves cameras on the processor, several times as slowly. A build with CUDA uses the GPU.",
    );
  }
  return good(name, text);
}

function isOld({ major, minor }: ColmapVersion): boolean {
  return major < 3 || (major === 3 && minor < 8);
}

const FFMPEG_REMEDY =
  "Install ffmpeg (Debian and Ubuntu: apt-get install ffmpeg), or set FFMPEG_PATH and FFPROBE_PATH.";
/** What phones and cameras record. */
const DECODERS = ["h264", "hevc"];

/**
 * @param version what `ffmpeg -version` printed
 * @param filters what `ffmpeg -filters` printed
 * @param decoders what `ffmpeg -decoders` printed
 */
export function judgeFfmpeg(version: Printed, filters: Printed, decoders: Printed): Check[] {
  const name = "ffmpeg";
  if (!version.ok) return [failing(name, version.error, FFMPEG_REMEDY)];
  const [, number] = /^ffmpeg version (\S+)/m.exec(version.value) ?? [];
  if (number === undefined) return [failing(name, firstLine(version.value), FFMPEG_REMEDY)];
  const list = decoders.ok ? decoders.value : "";
  const missing = DECODERS.filter((codec) => !new RegExp(`^ V\\S* +${codec} `, "m").test(list));
  if (missing.length > 0) {
    const detail = `${number}, which cannot decode ${missing.join(" and ")}`;
    return [failing(name, detail, "Install a full build of ffmpeg; most phones record with these codecs.")];
  }
  if (!canToneMap(filters.ok ? filters.value : "")) {
    const detail = `${number}, without the filters zscale and tonemap`;
    return [
      warning(
        name,
        detail,
        "Colours of HDR videos will be pale. Install a build with zimg (Debian's and Ubuntu's have it).",
      ),
    ];
  }
  return [good(name, number)];
}

function firstLine(text: string): string {
  return text.split("\n")[0] || "it prints nothing";
}

export function judgeFfprobe(version: Printed): Check {
  if (!version.ok) return failing("ffprobe", version.error, FFMPEG_REMEDY);
  const [, number] = /^ffprobe version (\S+)/m.exec(version.value) ?? [];
  return number === undefined
    ? failing("ffprobe", firstLine(version.value), FFMPEG_REMEDY)
    : good("ffprobe", number);
}
