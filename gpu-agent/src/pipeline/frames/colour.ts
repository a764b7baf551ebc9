/** How a video stores its colours. */
export interface VideoColour {
  readonly transfer: "sdr" | "hlg" | "pq";
  /** The colour matrix by ffmpeg's name; null when the file does not declare it. */
  readonly matrix: string | null;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** The format of a JPEG. ffmpeg 7.0 does not convert the colour matrix where it converts to "yuvj420p" too. */
const JPEG_FORMAT = ["format=yuv420p", "format=yuvj420p"];

/** Without these, ffmpeg 4.2 copies pictures of the same format and size, without converting range and matrix. */
const SCALE_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int";

/** ffmpeg's filters from the video's colours to a JPEG's, which are BT.601 at full range, at the size given. */
export function colourFilters(
  video: VideoColour,
  size: { readonly width: number; readonly height: number },
  toneMap: boolean,
): string[] {
  const scale = `scale=${size.width}:${size.height}:${SCALE_FLAGS}`;
  const jpeg = "out_color_matrix=bt601:out_range=pc";
  if (video.transfer === "sdr" || !toneMap) {
    return [`${scale}:in_color_matrix=${scaleMatrix(video)}:${jpeg}`, ...JPEG_FORMAT];
  }
  const transfer = video.transfer === "pq" ? "smpte2084" : "arib-std-b67";
  return [
    // If the file declares none of these, zscale finds no conversion.
    `setparams=color_primaries=bt2020:color_trc=${transfer}:colorspace=bt2020nc`,
    scale,
    `zscale=tin=${transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=100`,
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
    "format=yuv420p",
    `scale=${SCALE_FLAGS}:in_color_matrix=bt709:${jpeg}`,
    ...JPEG_FORMAT,
  ];
}

const SCALE_MATRICES: Readonly<Record<string, string>> = {
  bt709: "bt709",
  bt470bg: "bt601",
  smpte170m: "bt601",
  smpte240m: "smpte240m",
  fcc: "fcc",
  bt2020nc: "bt2020",
};

/**
 * Newer versions refuse matrices, transfers and primaries that their `scale` cannot convert, and then deliver no
 * picture at all. Calls the matrix the nearest one that it can; transfer and primaries are not converted, so they need
 * no name. The colours are as in the versions that do not refuse.
 */
export function namedColours(video: VideoColour): string[] {
  const { matrix, transfer } = video;
  const isKnown = matrix === null || matrix === "gbr" || SCALE_MATRICES[matrix] !== undefined;
  const names = [
    ...(isKnown ? [] : [`colorspace=${nearestMatrix(video)}`]),
    ...(transfer === "sdr" ? ["color_primaries=unknown", "color_trc=unknown"] : []),
  ];
  return names.length > 0 ? [`setparams=${names.join(":")}`] : [];
}

/** What the bitstream filters that write colours call an undeclared matrix. */
const UNDECLARED_MATRIX: Readonly<Record<string, string>> = {
  h264: "h264_metadata=matrix_coefficients=2",
  hevc: "hevc_metadata=matrix_coefficients=2",
  vvc: "vvc_metadata=matrix_coefficients=2",
  av1: "av1_metadata=matrix_coefficients=2",
  mpeg2video: "mpeg2_metadata=matrix_coefficients=2",
  vp9: "vp9_metadata=color_space=unknown",
  prores: "prores_metadata=colorspace=unknown",
};

/** What versions from 7 on say about a matrix without a name, even before the first filter. */
const REFUSED = /Invalid color (?:space|range)|parameter 'colorspace' out of range|^ *Color spaces:/;

export function refusesColours(errors: readonly string[]): boolean {
  return errors.some((line) => REFUSED.test(line));
}

/**
 * The input options by which the decoder does not see the declared matrix. Versions that refuse none lack the second.
 */
export function hiddenMatrix(codec: string | null): string[] {
  const filter = UNDECLARED_MATRIX[codec ?? ""];
  return ["-colorspace:v", "unknown", ...(filter === undefined ? [] : ["-bsf:v", filter])];
}

/** By ffmpeg's name. Undeclared ones as in players: HD is BT.709 and smaller pictures are BT.601. */
function nearestMatrix({ matrix, width, height }: VideoColour): string {
  if (matrix !== null && SCALE_MATRICES[matrix] !== undefined) return matrix;
  if (matrix !== null && matrix !== "reserved")
    return /^(?:bt2020|ictcp)/.test(matrix) ? "bt2020nc" : "bt709";
  return Math.min(width, height) >= 720 ? "bt709" : "smpte170m";
}

function scaleMatrix(video: VideoColour): string {
  return video.matrix === "gbr" ? "auto" : (SCALE_MATRICES[nearestMatrix(video)] ?? "auto");
}

/** Whether ffmpeg's `-filters` list has every filter that tone mapping needs. */
export function canToneMap(filterList: string): boolean {
  return ["zscale", "tonemap"].every((name) => new RegExp(`^ \\S+ +${name} `, "m").test(filterList));
}
