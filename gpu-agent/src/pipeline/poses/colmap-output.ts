import { anyOf } from "../../processes/any-of.ts";

/** An event in COLMAP's output, independent of the version's wording. */
export type ColmapEvent =
  /** `done` of `total` images read or matched, or image blocks matched. */
  | { readonly kind: "step"; readonly done: number; readonly total: number }
  | { readonly kind: "features"; readonly count: number }
  /** Images registered in the model so far. */
  | { readonly kind: "registered"; readonly count: number }
  | { readonly kind: "adjusting" }
  /** Images that match at least one other. */
  | { readonly kind: "connected"; readonly count: number }
  | { readonly kind: "problem"; readonly problem: ColmapProblem };

export type ColmapProblem =
  /** No two images show the same thing with enough parallax. */
  | "no_initial_pair"
  /** No image matches any other. */
  | "no_matches"
  /** The GPU could not be used. */
  | "gpu"
  /** SQLite cannot lock, read or write the database. */
  | "database"
  /** This COLMAP lacks an option that we use. */
  | "options"
  | "other";

/**
 * Google's logging prefix, which COLMAP uses from 3.9 on: level, date, time, thread, file and line. The date has no
 * year where the library is of version 0.4, as in Ubuntu 20.04 and 22.04.
 */
const LOG_PREFIX = /^([IWEF])(?:\d{4}){1,2} [\d:.]+ +\d+ [^\]]+\] ?/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with the character ESC
const ANSI = /\u001b\[[0-9;]*[A-Za-z]/g;

/** The line without colours and logging prefix. */
export function plainLine(line: string): string {
  return line.replaceAll(ANSI, "").replace(LOG_PREFIX, "");
}

export function parseColmapLine(line: string): ColmapEvent | null {
  const text = plainLine(line);
  const step = /(?:Processed file|(?:Matching|Processing) image) \[(\d+)\/(\d+)\]/.exec(text);
  if (step) return { kind: "step", done: Number(step[1]), total: Number(step[2]) };
  const block = /(?:Matching|Processing) block \[(\d+)\/(\d+)(?:, (\d+)\/(\d+))?\]/.exec(text);
  if (block) return blockEvent(block);
  const features = /^\s*Features:\s+(\d+)/.exec(text);
  if (features) return { kind: "features", count: Number(features[1]) };
  const registering = /Registering image #\d+ \((num_reg_frames=)?(\d+)\)/.exec(text);
  // Before 3.12 the number includes the image itself, later only the earlier ones.
  if (registering) {
    return { kind: "registered", count: Number(registering[2]) + (registering[1] ? 1 : 0) };
  }
  if (/^(?:Retriangulation and )?Global bundle adjustment/.test(text)) return { kind: "adjusting" };
  const connected = /\(connected (\d+)[,)]/.exec(text);
  if (connected) return { kind: "connected", count: Number(connected[1]) };
  const problem = problemIn(line.replaceAll(ANSI, ""), text);
  return problem ? { kind: "problem", problem } : null;
}

/** Exhaustive matching goes through a square of blocks: rows first, columns within. */
function blockEvent(block: RegExpExecArray): ColmapEvent {
  const [row, rows] = [Number(block[1]), Number(block[2])];
  if (block[3] === undefined) return { kind: "step", done: row, total: rows };
  const [column, columns] = [Number(block[3]), Number(block[4])];
  return { kind: "step", done: (row - 1) * columns + column, total: rows * columns };
}

/** Messages of COLMAP and SiftGPU when the GPU cannot be used. COLMAP exits with 0 after most of them. */
const GPU_TROUBLE = anyOf(
  /(?:insufficient|not enough) GPU memory/,
  /SiftGPU not|without CUDA or OpenGL support|Failed to create feature (?:extractor|matcher)/,
  // Too little GPU memory for a single match: SiftGPU then allocates zero bytes.
  /max_num_matches/,
  /context_\.create\(\)|QOpenGLContext|no Qt platform plugin/,
  /CUDA error|no CUDA-capable device|no kernel image|unsupported toolchain/,
  // "CuTexImage::BindTexture: an illegal memory access was encountered"
  /^\w+(?:::\w+)?:\s+(?:out of memory|an illegal memory access)/,
);

const DATABASE_TROUBLE = anyOf(
  /database is locked|locking protocol|disk I\/O error|unable to open database file/,
  /attempt to write a readonly database|database disk image is malformed|file is not a database/,
);

function problemIn(line: string, text: string): ColmapProblem | null {
  if (/No good initial image pair found|no initial pair|bad initial pair/i.test(text))
    return "no_initial_pair";
  if (/No images with matches/i.test(text)) return "no_matches";
  if (GPU_TROUBLE.test(text)) return "gpu";
  if (DATABASE_TROUBLE.test(text)) return "database";
  if (/unrecogni[sz]ed option|Failed to parse options/.test(text)) return "options";
  if (/^\s*ERROR|Check failed|^\*\*\* Aborted|^SQLite error|^[EF](?:\d{4}){1,2} /.test(line)) return "other";
  return null;
}
