import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { execa } from "execa";

export interface VideoEncoding {
  /** The program, by name or path. */
  readonly ffmpeg: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly signal?: AbortSignal;
}

/** Encoders that ffmpeg builds have, best first; the last one is in every build. */
const ENCODERS: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["libx264", ["-preset", "veryfast", "-crf", "17"]],
  ["libopenh264", ["-b:v", "6M"]],
  ["mpeg4", ["-q:v", "2"]],
];

/**
 * Encodes frames (rgb24, row by row) as an MP4.
 *
 * @returns `tool_missing` without ffmpeg, `agent_stopped` on abort, `internal_error` with ffmpeg's output
 */
export async function encodeVideo(
  path: string,
  encoding: VideoEncoding,
  frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Result<void, Failure>> {
  const { ffmpeg, width, height, fps, signal } = encoding;
  const known = await execa(ffmpeg, ["-hide_banner", "-encoders"], { reject: false, stdin: "ignore" });
  if (known.exitCode !== 0) return err(failure("tool_missing", `${ffmpeg} was not found or does not run.`));
  const [encoder, options] = ENCODERS.find(([name]) => known.stdout.includes(` ${name} `)) ?? ["mpeg4", []];

  const subprocess = execa(
    ffmpeg,
    [
      ...["-hide_banner", "-v", "error", "-y"],
      ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", `${width}x${height}`, "-framerate", `${fps}`],
      ...["-i", "pipe:0", "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-c:v", encoder, ...options],
      ...["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"],
      ...["-movflags", "+faststart", "-f", "mp4", path],
    ],
    {
      stdin: "pipe",
      stdout: "ignore",
      reject: false,
      cleanup: true,
      ...(signal ? { cancelSignal: signal } : {}),
    },
  );
  try {
    await pipeline(Readable.from(frames), subprocess.stdin);
  } catch (error) {
    // When ffmpeg exits early, its output below gives the reason; the broken pipe is only a consequence.
    if (!brokenPipe(error)) {
      subprocess.kill();
      await subprocess;
      throw error;
    }
  }
  const result = await subprocess;
  if (signal?.aborted) return err(failure("agent_stopped", ""));
  if (result.exitCode !== 0) {
    return err(failure("internal_error", `ffmpeg could not encode: ${String(result.stderr).slice(-500)}`));
  }
  return ok(undefined);
}

function brokenPipe(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET";
}
