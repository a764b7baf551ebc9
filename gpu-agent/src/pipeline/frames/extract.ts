import { err, type Failure, failure, type Result } from "@splatt/shared";
import { type FramePlan, frameSize } from "./frame-plan.ts";
import { decodeOptions, inputOptions, type VideoInfo } from "./probe.ts";

const CANDIDATE_PATTERN = "candidate_%05d.jpg";
/** The longer side of the small grey pictures that sharpness is measured on; pixels. */
const GREY_LONG_SIDE = 800;

/** How far before the range decoding begins, to know which picture is being shown at its start; seconds. */
const PRE_ROLL_SECONDS = 5;
/** ffmpeg's scale from 1 to 31, where 2 is next to lossless. */
const JPEG_QUALITY = 2;

/** Above this only two threads decode: each holds pictures of its own, of up to half a gigabyte. */
const LARGE_PICTURE_PIXELS = 20_000_000;

/** The file of a candidate, by its number from 0 on. */
export function candidateName(index: number): string {
  return `candidate_${String(index + 1).padStart(5, "0")}.jpg`;
}

/** The size of the small grey pictures. */
export function greySize(plan: Pick<FramePlan, "width" | "height">): { width: number; height: number } {
  return frameSize(plan, GREY_LONG_SIDE);
}

/**
 * The arguments for ffmpeg, which must run in the folder that the candidates go to. On stdout it writes each
 * of them once more, small and grey, one byte per pixel.
 */
export function extractArguments(file: string, info: VideoInfo, plan: FramePlan, toneMap: boolean): string[] {
  const seek = Math.max(0, plan.start - PRE_ROLL_SECONDS);
  const { width, height } = greySize(plan);
  const graph =
    `[0:${info.stream}]${filterChain(info, plan, seek, toneMap)},split[full][copy];` +
    `[copy]scale=${width}:${height}:flags=area,format=gray[grey]`;
  const only = ["-an", "-sn", "-dn", "-frames:v", String(plan.candidates)];
  return [
    ...["-hide_banner", "-nostdin", "-v", "error", "-nostats"],
    ...inputOptions(),
    ...decodeOptions(),
    ...(info.width * info.height > LARGE_PICTURE_PIXELS ? ["-threads", "2"] : []),
    ...(seek > 0 ? ["-ss", seek.toFixed(6)] : []),
    ...["-i", `file:${file}`, "-filter_complex", graph],
    ...["-map", "[full]", ...only, "-c:v", "mjpeg", "-q:v", String(JPEG_QUALITY), "-f", "image2", "-y"],
    ...[CANDIDATE_PATTERN, "-map", "[grey]", ...only, "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"],
  ];
}

/**
 * The `fps` filter with `round=up` gives at each tick of a clock the picture shown at that moment, repeating
 * or leaving out as the video's own rate demands. Its ticks start at time 0, so the range is moved there.
 */
export function filterChain(info: VideoInfo, plan: FramePlan, seek: number, toneMap: boolean): string {
  const offset = plan.start - seek + plan.lead;
  const size = `${plan.width}:${plan.height}`;
  // Before scaling, since the filter needs whole fields; only then may pictures be dropped.
  const deinterlace = info.interlaced ? ["yadif=mode=send_frame:deint=interlaced"] : [];
  const pick = [
    `setpts=PTS-${offset.toFixed(6)}/TB`,
    `fps=fps=${plan.fps * plan.perFrame}:start_time=0:round=up`,
    "setpts=PTS-STARTPTS",
  ];
  return [...deinterlace, ...pick, ...colourChain(info, size, toneMap)].join(",");
}

/** JPEG files hold BT.601 at full range, whatever the video has. */
function colourChain(info: VideoInfo, size: string, toneMap: boolean): string[] {
  const jpeg = "out_color_matrix=bt601:out_range=pc";
  if (info.transfer === "sdr" || !toneMap) {
    const matrix = scaleMatrix(info);
    return [
      `scale=${size}:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix=${matrix}:${jpeg}`,
      "format=yuvj420p",
    ];
  }
  const transfer = info.transfer === "pq" ? "smpte2084" : "arib-std-b67";
  return [
    // Where the file names none of these, zscale finds no way from one to the other.
    `setparams=color_primaries=bt2020:color_trc=${transfer}:colorspace=bt2020nc`,
    `scale=${size}:flags=bicubic+accurate_rnd+full_chroma_int`,
    `zscale=tin=${transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=100`,
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
    "format=yuv420p",
    `scale=in_color_matrix=bt709:${jpeg}`,
    "format=yuvj420p",
  ];
}

const SCALE_MATRICES: Readonly<Record<string, string>> = {
  bt709: "bt709",
  bt470bg: "bt601",
  smpte170m: "bt601",
  smpte240m: "smpte240m",
  fcc: "fcc",
  bt2020nc: "bt2020",
  bt2020c: "bt2020",
};

/** Where the file does not say, HD is BT.709 and smaller is BT.601, as players guess. */
function scaleMatrix(info: VideoInfo): string {
  if (info.matrix !== null) return SCALE_MATRICES[info.matrix] ?? "auto";
  return Math.min(info.width, info.height) >= 720 ? "bt709" : "bt601";
}

/** Whether ffmpeg's `-filters` list has all that tone mapping needs. */
export function canToneMap(filterList: string): boolean {
  return ["zscale", "tonemap"].every((name) => new RegExp(`^ \\S+ +${name} `, "m").test(filterList));
}

const MIN_DECODED_SHARE = 0.5;
/** The last two are of builds whose only AV1 decoder needs a graphics card. */
const NO_DECODER =
  /Decoder .* not found|no decoder|Unknown decoder|hardware accelerated AV1 decoding|: Function not implemented/i;

/**
 * Whether the frames that ffmpeg left are enough. It prints decode errors and still delivers, and exits
 * with 0 and delivers nothing: only the files count.
 *
 * @returns how many were promised and are missing; `video_corrupt` when that is most of them
 */
export function judgeFrames(
  plan: FramePlan,
  written: number,
  minFrames: number,
  errors: readonly string[],
): Result<number, Failure> {
  if (written === 0 && errors.some((line) => NO_DECODER.test(line))) {
    return err(failure("video_unsupported", "This ffmpeg cannot decode its codec."));
  }
  if (written >= minFrames && written >= MIN_DECODED_SHARE * plan.count) {
    return { ok: true, value: plan.count - written };
  }
  const last = errors.findLast((line) => !/^\s*Last message repeated/.test(line));
  const words = last ? ` ffmpeg said: ${last}` : "";
  return err(failure("video_corrupt", `Only ${written} of ${plan.count} frames could be decoded.${words}`));
}
