/** How a video stores its colours. */
export interface VideoColour {
  readonly transfer: "sdr" | "hlg" | "pq";
  /** The colour matrix by ffmpeg's name; null when the file does not declare it. */
  readonly matrix: string | null;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** ffmpeg's filters from the video's colours to a JPEG's, which are BT.601 at full range, at the size given. */
export function colourFilters(
  video: VideoColour,
  size: { readonly width: number; readonly height: number },
  toneMap: boolean,
): string[] {
  const scale = `scale=${size.width}:${size.height}:flags=bicubic+accurate_rnd+full_chroma_int`;
  const jpeg = "out_color_matrix=bt601:out_range=pc";
  if (video.transfer === "sdr" || !toneMap) {
    return [`${scale}:in_color_matrix=${scaleMatrix(video)}:${jpeg}`, "format=yuvj420p"];
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
};

/**
 * Newer versions refuse matrices that their `scale` cannot convert, and then deliver no picture at all. Calls them the
 * nearest one that it can; the colours are as in the versions that do not refuse.
 */
export function namedMatrix(video: VideoColour): string[] {
  const { matrix } = video;
  if (matrix === null || matrix === "gbr" || SCALE_MATRICES[matrix] !== undefined) return [];
  return [`setparams=colorspace=${nearestMatrix(video)}`];
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
