import { type Failure, failure } from "@splatt/shared";
import type { FramePlan } from "./frame-plan.ts";

/** The share of the declared pictures that must decode; otherwise the file is damaged. */
export const MIN_DECODED_SHARE = 0.5;

/** The last two come from builds whose only AV1 decoder needs a graphics card. */
const NO_DECODER =
  /Decoder .* not found|no decoder|Unknown decoder|hardware accelerated AV1 decoding|: Function not implemented/i;
/** The messages of an ffmpeg that lacks an option or a filter. */
const NOT_UNDERSTOOD =
  /Unrecognized option|Option .* not found|No such filter|Error (?:parsing|splitting|initializing|configuring|opening) (?:option|filter|the argument list|complex filter)/i;

/** What ffmpeg reports after a decoder's error, which does not explain it. */
const AFTERMATH =
  /Terminating thread|Task finished with error|Nothing was written|received no packets|Conversion failed|^Error number/;

/** The last error line that explains something. */
function wordsOf(errors: readonly string[]): string {
  const telling = errors.findLast((line) => !AFTERMATH.test(line)) ?? errors.at(-1);
  return telling === undefined ? "" : ` ffmpeg said: ${telling}`;
}

/** @returns why the decoded pictures are unusable, or null */
export function judgeDecoded(decoded: number, expected: number, errors: readonly string[]): Failure | null {
  if (decoded === 0) {
    if (errors.some((line) => NO_DECODER.test(line))) {
      return failure("video_unsupported", "This ffmpeg cannot decode its codec.");
    }
    const problem = errors.find((line) => NOT_UNDERSTOOD.test(line));
    if (problem) return failure("tool_unsupported", `ffmpeg: ${problem}`);
  }
  // An interlaced video may have two packets for each picture, and no errors.
  if (decoded > 0 && (decoded >= MIN_DECODED_SHARE * expected || errors.length === 0)) return null;
  const detail = `Only ${decoded} of ${expected} pictures could be decoded.${wordsOf(errors)}`;
  return failure("video_corrupt", detail);
}

/** @returns why the frames are too few, or null */
export function judgeCount(
  count: number,
  repeats: number,
  plan: FramePlan,
  minFrames: number,
  errors: readonly string[],
): Failure | null {
  const planned = plan.windows.length;
  if (count >= minFrames && count + repeats >= MIN_DECODED_SHARE * planned) return null;
  if (count + repeats >= MIN_DECODED_SHARE * planned && count + repeats >= minFrames) {
    return failure("too_few_frames", `Only ${count} of ${planned} pictures differ from the one before.`);
  }
  const detail = `Only ${count + repeats} of ${planned} frames could be decoded.${wordsOf(errors)}`;
  return failure("video_corrupt", detail);
}
