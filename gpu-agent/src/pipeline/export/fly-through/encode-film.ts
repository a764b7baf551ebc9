import { open, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { err, failureSentence, ok, type Result } from "@splatt/shared";
import { runTool, type ToolExit } from "../../../processes/run-tool.ts";
import type { StageContext } from "../../stage.ts";
import { type FilmPlan, FRAMES_PER_SECOND } from "./plan-film.ts";

type Context = Pick<StageContext, "dir" | "signal" | "toolOutput">;

const ENCODER = "libx264";
const TIMEOUT_MS = 10 * 60_000;
/** The pictures one after another, in the order of the film. In the stage's folder while it runs. */
const PICTURES_FILE = "flythrough.mjpeg";
/** The side of the small grey pictures by which the film is checked. */
const CHECK_SIDE = 16;
/** Channel value, 0 to 255. A picture with no brighter pixel shows nothing. */
const BLACK = 3;
/** The share of the film's pictures that may be black, because the path left the scene for a moment. */
const MOST_BLACK = 0.1;
const MEGABYTE = 2 ** 20;
export const MAX_FILM_BYTES = 32 * MEGABYTE;

/** Whether ffmpeg can write H.264. @returns why not */
export async function findEncoder(ffmpeg: string, context: Context): Promise<Result<void, string>> {
  const lines: string[] = [];
  const listed = await run(ffmpeg, ["-encoders"], context, { onLine: (line) => lines.push(line) });
  if (!listed.ok) return listed;
  if (lines.some((line) => line.split(/\s+/).includes(ENCODER))) return ok(undefined);
  return err(`This ffmpeg cannot write H.264: it has no encoder ${ENCODER}.`);
}

/**
 * Writes an MP4 that browsers and phones play, and begin to play before they have all of it.
 *
 * @param pictures JPEGs, in the order of the film
 * @returns or why it could not be written, or what is wrong with what was written
 */
export async function encodeFilm(
  pictures: readonly Uint8Array[],
  { width, height }: Pick<FilmPlan, "width" | "height">,
  { ffmpeg, file }: { readonly ffmpeg: string; readonly file: string },
  context: Context,
): Promise<Result<void, string>> {
  const source = join(context.dir, PICTURES_FILE);
  try {
    await writeFile(source, Buffer.concat(pictures));
    const encoded = await run(
      ffmpeg,
      [
        // Without the encoder's statistics and warnings, which would end each job's log.
        ...["-v", "error", "-y", "-protocol_whitelist", "file,pipe", "-format_whitelist", "mjpeg"],
        ...["-f", "mjpeg", "-framerate", String(FRAMES_PER_SECOND), "-i", `file:${source}`],
        ...["-an", "-c:v", ENCODER, "-preset", "superfast", "-crf", "22"],
        ...["-g", String(2 * FRAMES_PER_SECOND)],
        // JPEGs have another matrix and range than what players assume of a film.
        ...["-vf", "scale=in_range=full:out_range=tv:out_color_matrix=bt709,format=yuv420p"],
        ...["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"],
        ...["-movflags", "+faststart", `file:${file}`],
      ],
      context,
      { onLine: context.toolOutput },
    );
    if (!encoded.ok) return encoded;
    return await checkFilm(file, { width, height, frames: pictures.length }, ffmpeg, context);
  } finally {
    await rm(source, { force: true });
  }
}

/** Decodes the film: it must have all of its pictures at their size, show something, and begin with its index. */
async function checkFilm(
  file: string,
  wanted: FilmPlan,
  ffmpeg: string,
  context: Context,
): Promise<Result<void, string>> {
  const { size } = await stat(file);
  if (size > MAX_FILM_BYTES) return err(`The film has ${Math.round(size / MEGABYTE)} MiB.`);
  if (!(await beginsWithIndex(file))) return err("The film does not begin with its index.");
  const chunks: Buffer[] = [];
  let stream = "";
  const decoded = await run(
    ffmpeg,
    [
      ...["-protocol_whitelist", "file,pipe", "-format_whitelist", "mov", "-i", `file:${file}`],
      ...["-map", "0:v:0", "-vf", `scale=${CHECK_SIDE}:${CHECK_SIDE},format=gray`],
      ...["-f", "rawvideo", "pipe:1"],
    ],
    context,
    {
      onBytes: (chunk) => chunks.push(chunk),
      onLine: (line) => {
        if (stream === "" && /Stream #0:0.*Video:/.test(line)) stream = line;
      },
    },
  );
  if (!decoded.ok) return decoded;
  const expected = `${wanted.width}x${wanted.height}`;
  if (!/\bh264\b/.test(stream) || !/\byuv420p\b/.test(stream) || !stream.includes(` ${expected}`)) {
    return err(`The film is not H.264 in yuv420p of ${expected}: ${stream.trim()}`);
  }
  const grey = Buffer.concat(chunks);
  const bytes = CHECK_SIDE ** 2;
  const frames = grey.length / bytes;
  if (frames !== wanted.frames) return err(`The film has ${frames} of ${wanted.frames} pictures.`);
  const dark = Array.from({ length: frames }, (_, i) => grey.subarray(i * bytes, (i + 1) * bytes)).filter(
    (picture) => Math.max(...picture) - VIDEO_BLACK < BLACK,
  );
  if (dark.length > MOST_BLACK * frames) return err(`${dark.length} of ${frames} pictures are black.`);
  return ok(undefined);
}

/** Black in the limited range of video, which some versions of ffmpeg do not convert to full range. */
const VIDEO_BLACK = 16;

/** Whether the box with the index, moov, is before the pictures, mdat. */
async function beginsWithIndex(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(64);
    await file.read(head, 0, head.length, 0);
    const second = head.readUInt32BE(0);
    return head.toString("latin1", second + 4, second + 8) === "moov";
  } finally {
    await file.close();
  }
}

async function run(
  ffmpeg: string,
  args: readonly string[],
  context: Context,
  output: { readonly onLine: (line: string) => void; readonly onBytes?: (chunk: Buffer) => void },
): Promise<Result<ToolExit, string>> {
  const ran = await runTool({
    file: ffmpeg,
    args: ["-hide_banner", "-nostdin", "-nostats", ...args],
    cwd: context.dir,
    env: { TERM: "dumb", AV_LOG_FORCE_NOCOLOR: "1" },
    signal: context.signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    // The files are in the stage's folder.
    confine: { reads: [] },
    ...output,
  });
  if (!ran.ok) return err(failureSentence(ran.error));
  if (ran.value.exitCode === 0) return ran;
  return err(`${basename(ffmpeg)} failed: ${ran.value.tail.at(-1) ?? "it printed nothing"}`);
}
