import { open } from "node:fs/promises";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { StageContext } from "../stage.ts";
import type { Signature } from "./container-signature.ts";
import { cutShort } from "./cut-short.ts";
import { chooseFilm } from "./film.ts";
import { type FrameTools, runFrameTool } from "./frame-tools.ts";
import { imageFailure, readSignature } from "./images.ts";
import { readBytes } from "./iso-boxes.ts";
import { leadingBytes } from "./leading-bytes.ts";
import { PacketCollector, type PacketIndex, packetArguments } from "./packet-index.ts";
import { aspectArguments, PixelAspects } from "./pixel-aspects.ts";
import { type ProbedFile, type ProbedVideo, parseProbe, probeArguments } from "./probe.ts";
import { MessageOrientations, messageArguments } from "./sei-orientation.ts";
import { TEXT_DAMAGE_BYTES, textDamage } from "./text-damage.ts";

/** Asks ffprobe what the file is. */
export async function probeVideo(
  tools: FrameTools,
  file: string,
  url: string,
  context: StageContext,
): Promise<Result<ProbedFile, Failure>> {
  const image = await imageFailure(file);
  if (image) return err(image);
  const stdout: string[] = [];
  const stderr: string[] = [];
  let [sideData, deep] = [true, false];
  for (;;) {
    stdout.length = 0;
    stderr.length = 0;
    const ran = await runFrameTool(tools, tools.ffprobe, probeArguments(url, sideData, deep), context, {
      onLine: (line, stream) => (stream === "stdout" ? stdout : stderr).push(line),
    });
    if (!ran.ok) return ran;
    if (ran.value.exitCode === 0) {
      const probed = parseProbe(stdout.join("\n"));
      // The message may be about a cover picture or subtitles.
      if (probed.ok && probed.value.videos.some(({ width, attached }) => width > 0 && !attached))
        return probed;
      if (probed.ok && !deep) {
        deep = true;
        continue;
      }
      const named = tooLarge(stderr);
      if (named || (!probed.ok && probed.error.code === "video_no_stream")) return named ?? probed;
      const early = await cutShort(file, stderr.join("\n"));
      return early ? err(early) : probed;
    }
    if (!sideData || !stderr.some((line) => line.includes("No match for section"))) break;
    sideData = false;
  }
  for (const line of stderr) context.toolOutput(line);
  return tooLarge(stderr) ?? err(await unreadable(file, lastWords(stderr, file)));
}

/** The decoders' message for a picture above `MAX_PICTURE_PIXELS`. */
const TOO_LARGE = /Picture size ([1-9]\d*x[1-9]\d*) (?:is invalid|exceeds specified max pixel count)/;

function tooLarge(messages: readonly string[]): Result<never, Failure> | null {
  const size = messages.map((line) => TOO_LARGE.exec(line)?.[1]).find((found) => found !== undefined);
  return size === undefined ? null : err(failure("video_size_unsupported", `They are ${size}.`));
}

/** ffprobe's last two lines: the second to last is often more specific, as in "moov atom not found". */
function lastWords(stderr: readonly string[], file: string): string {
  return stderr
    .filter((line) => !/^\s*Last message repeated/.test(line))
    .slice(-2)
    .map((line) => line.replace(`file:${file}: `, "").replace(/^\[[^\]]* @ 0x[0-9a-f]+\] /, ""))
    .join(": ");
}

const OTHER_CONTAINER =
  "Its container is not read. Put it into another: ffmpeg -i FILE -c:v libx264 -crf 12 video.mp4";

/** Why ffprobe could not read a file. */
async function unreadable(path: string, words: string): Promise<Failure> {
  const signature = await readSignature(path);
  if (signature === "empty") return failure("video_corrupt", "The file is empty.");
  if (signature === "video" || signature === "unknown") {
    const damage = await textDamageOf(path);
    if (damage !== null) return failure("video_corrupt", damage);
  }
  if (signature === "video") {
    if (words.includes("moov atom not found")) {
      const why = "The file ends before its index: the recording or the copy was cut off.";
      return failure("video_corrupt", why);
    }
    const joined = words.includes("essence prior to first PartitionPack")
      ? failure(
          "video_corrupt",
          "Its index is that of another file. If several files were joined, send each one.",
        )
      : null;
    return joined ?? (await cutShort(path, words)) ?? failure("video_corrupt", `ffmpeg says: ${words}.`);
  }
  const leading = await leadingBytes(path);
  if (leading > 0 && signature !== "form") {
    const remove = `Remove them: tail -c +${leading + 1} FILE > video`;
    return failure("video_corrupt", `The file begins with ${leading} bytes of something else. ${remove}`);
  }
  const kinds: Partial<Record<Signature, string>> = {
    playlist: "It is a playlist that names other files.",
    html: "It is a web page.",
    text: "It is a text file.",
    "bare-stream":
      "It is a video stream without a container, so the times of its pictures are unknown. " +
      "Put it into one, with its frame rate: ffmpeg -framerate 30 -i FILE -c copy video.mp4",
    "simple-container": OTHER_CONTAINER,
    sound: "It has sound only, no pictures.",
    form: "It is a web form with a file in it. Send the file's bytes alone: curl --data-binary @FILE",
    other: "It is another kind of file, such as a document or a program.",
  };
  const isKnown = words.includes("not on whitelist");
  const unknown = isKnown ? OTHER_CONTAINER : "Its format is not known.";
  return failure("video_unsupported", kinds[signature] ?? unknown);
}

async function textDamageOf(path: string): Promise<string | null> {
  await using file = await open(path);
  return textDamage(await readBytes(file, 0, TEXT_DAMAGE_BYTES));
}

/** Reads the orientations that pictures of the film declare themselves. */
export async function readMessageOrientations(
  tools: FrameTools,
  url: string,
  { stream, codec }: ProbedVideo,
  context: StageContext,
): Promise<Result<MessageOrientations, Failure>> {
  const found = new MessageOrientations();
  const args = messageArguments(url, stream, codec);
  if (args === null) return ok(found);
  const ran = await runFrameTool(tools, tools.ffmpeg, args, context, { onLine: (line) => found.add(line) });
  return ran.ok ? ok(found) : ran;
}

/** Reads where the pixel aspect ratio changes, in files where it may. */
export async function readPixelAspects(
  tools: FrameTools,
  url: string,
  { container }: Pick<ProbedFile, "container">,
  { stream }: ProbedVideo,
  context: StageContext,
): Promise<Result<PixelAspects, Failure>> {
  const found = new PixelAspects();
  const args = aspectArguments(url, container, stream);
  if (args === null) return ok(found);
  const ran = await runFrameTool(tools, tools.ffprobe, args, context, {
    onLine: (line, output) => {
      if (output === "stdout") found.add(line);
    },
  });
  return ran.ok ? ok(found) : ran;
}

/** The message about a Matroska file, such as a live recording, that ends in the middle of an element. */
const ENDED_EARLY = /File ended prematurely/;

/** Lists the file's packets, and chooses the film among its video streams. */
export async function readPackets(
  tools: FrameTools,
  url: string,
  file: ProbedFile,
  maxPictures: number,
  context: StageContext,
): Promise<Result<{ film: ProbedVideo; index: PacketIndex; endedEarly: boolean }, Failure>> {
  const packets = new PacketCollector();
  const enough = new AbortController();
  let endedEarly = false;
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const ran = await runFrameTool(
    tools,
    tools.ffprobe,
    packetArguments(url),
    { ...context, signal },
    {
      onLine: (line, stream) => {
        if (stream === "stderr") {
          endedEarly ||= ENDED_EARLY.test(line);
          packets.addMessage(line);
          return line.includes("[warning]") ? undefined : context.toolOutput(line);
        }
        packets.add(line);
        if (packets.count > maxPictures) enough.abort();
      },
    },
  );
  if (enough.signal.aborted && !context.signal.aborted) {
    return err(failure("video_unsupported", `It has more than ${maxPictures} pictures.`));
  }
  if (!ran.ok) return ran;
  const film = chooseFilm(file, (stream) => packets.countOf(stream));
  if (!film.ok) return film;
  const index = packets.indexOf(film.value.stream);
  return index
    ? ok({ film: film.value, index, endedEarly })
    : err(failure("video_corrupt", "It has no pictures."));
}
