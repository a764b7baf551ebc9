import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { StageContext } from "../stage.ts";
import { type ByteRange, partOfOneCodec } from "./codec-change.ts";
import { canToneMap } from "./colour.ts";
import { type ContainerFacts, readContainer } from "./container.ts";
import { mostIsMissing } from "./cut-short.ts";
import { tracksLike } from "./film.ts";
import { promisedTimes, type Times, usualStep } from "./footage.ts";
import type { FrameLimits } from "./frame-plan.ts";
import { type FrameTools, runFrameTool } from "./frame-tools.ts";
import { joinedRecordings } from "./joined-recordings.ts";
import { MIN_DECODED_SHARE } from "./judge-frames.ts";
import { type Orientation, UPRIGHT } from "./orientation.ts";
import type { PacketIndex } from "./packet-index.ts";
import { inputUrl, type PackedEyes, type ProbedFile, type ProbedVideo } from "./probe.ts";
import { probeVideo, readPackets } from "./read-video.ts";

export interface FramesConfig extends FrameLimits, FrameTools {}

/** Everything known about the video before decoding. */
export interface InputVideo {
  readonly path: string;
  /** The part that is read; null for all of it. */
  readonly part: VideoPart | null;
  /** Whether the clock of a fragmented MP4 runs backwards, so that ffmpeg may skip pictures. */
  readonly clockRestarts: boolean;
  readonly file: ProbedFile;
  readonly film: ProbedVideo;
  readonly container: ContainerFacts;
  /** Of the pictures that do not declare their own. */
  readonly orientation: Orientation;
  readonly index: PacketIndex;
  readonly promised: Times;
}

/** The longest part of a file that ffmpeg would not read as players do. */
export interface VideoPart extends ByteRange {
  readonly because: "the codec changes" | "videos are joined";
}

type Described = Pick<InputVideo, "file" | "film" | "container" | "promised">;

/** Probes the file and rejects unusable ones before any picture is decoded. */
export async function readInputVideo(
  config: FramesConfig,
  path: string,
  context: StageContext,
): Promise<Result<InputVideo, Failure>> {
  const { part, clockRestarts } = await readablePart(path);
  const url = inputUrl(path, part);
  const file = await probeVideo(config, path, url, context);
  if (!file.ok) return file;
  // Before choosing the film: the codec and size of encrypted pictures may be unknown.
  const films = file.value.videos.filter(({ attached }) => !attached);
  if (films.every(({ encrypted }) => encrypted)) return err(failure("video_encrypted", ""));
  const missing = await mostIsMissing(path);
  if (missing) return err(missing);
  const packets = await readPackets(config, url, file.value, config.maxPictures, context);
  if (!packets.ok) return packets;
  const { film, endedEarly } = packets.value;
  const facts = await readContainer(path, file.value, film, part);
  const container = { ...facts, cutOff: facts.cutOff || endedEarly };
  const unusable = unusableKind(file.value, film, container);
  if (unusable) return err(unusable);
  const orientation = film.orientation ?? container.orientation ?? UPRIGHT;
  // Older versions of ffmpeg add the time of the pictures that they skip to the last one before them.
  const index = container.mixedCodecs ? { ...packets.value.index, lastDuration: null } : packets.value.index;
  const promised = promisedTimes(file.value, film, index);
  context.log.info({ film, container, pictures: promised.times.length, end: promised.end }, "read the video");
  const share = shareInFile({ file: file.value, film, container, promised });
  if (share < MIN_DECODED_SHARE) {
    return err(failure("video_corrupt", holdsOnly(share, container)));
  }
  if (container.shareReadable < MIN_DECODED_SHARE) return err(failure("video_corrupt", stopsAt(container)));
  return ok({ path, part, clockRestarts, file: file.value, film, container, orientation, index, promised });
}

async function readablePart(path: string): Promise<Pick<InputVideo, "part" | "clockRestarts">> {
  const stream = await partOfOneCodec(path);
  if (stream !== null) return { part: { ...stream, because: "the codec changes" }, clockRestarts: false };
  const { longest, clockRestarts } = await joinedRecordings(path);
  return { part: longest && { ...longest, because: "videos are joined" }, clockRestarts };
}

/** The share of its declared duration, or of its declared pictures, that the file holds. */
export function shareInFile({ file, film, container, promised }: Described): number {
  return Math.min(shareOfDuration(file, film, container, promised), shareOfPictures(file, film, promised));
}

/** Some containers have a picture for each step of their clock, so that what is missing is a loss, and no pause. */
function shareOfPictures(file: ProbedFile, film: ProbedVideo, promised: Times): number {
  // An AVI counts its pictures with the dropped ones, which leave gaps between the others.
  if (file.container === "avi" && film.pictures) return promised.end / (film.pictures * film.timeUnit);
  if (file.container !== "mxf" || !film.duration) return 1;
  return (promised.times.length * usualStep(promised.times)) / film.duration;
}

function shareOfDuration(
  file: ProbedFile,
  film: ProbedVideo,
  { declaresDuration }: ContainerFacts,
  promised: Times,
): number {
  if (film.duration === null || !(film.duration > 0) || !declaresDuration) return 1;
  // A fragmented MP4 that was cut out of a longer one declares the end of its clock as its duration.
  const skipped = Math.max(0, file.startTime);
  return Math.max(promised.end - (promised.times[0] ?? 0), promised.end + skipped) / film.duration;
}

function holdsOnly(share: number, { mixedCodecs }: ContainerFacts): string {
  const percent = `${Math.round(100 * share)} % of the video`;
  if (!mixedCodecs) return `The file holds only ${percent}.`;
  return `The codec changes within the file, and only ${percent} is of the first one. Send the parts as separate files.`;
}

export function stopsAt({ shareReadable }: ContainerFacts): string {
  const share = Math.round(100 * shareReadable);
  return `The file is damaged after ${share} % of its bytes: what follows cannot be read.`;
}

function unusableKind(file: ProbedFile, film: ProbedVideo, container: ContainerFacts): Failure | null {
  if (film.encrypted || container.encrypted) return failure("video_encrypted", "");
  if (file.livePhoto || container.livePhoto) return failure("image_motion_photo", "");
  if (film.equirectangular) return failure("video_spherical", "");
  // GoPro's cameras for 360° store the six sides of a cube so: three in each track.
  if (film.width > 2.9 * film.height && tracksLike(film, file.videos) === 2) {
    return failure("video_spherical", "Its two tracks have half of the surroundings each.");
  }
  if (film.packedEyes) return bothEyes(film.packedEyes);
  return film.dolbyVisionOnly ? failure("video_dolby_vision", "") : null;
}

/** The failure of a 3D video: to COLMAP, its two views would be one distorted picture. */
export function bothEyes(packing: PackedEyes): Failure {
  const half = packing === "side by side" ? "iw/2:ih" : "iw:ih/2";
  return failure(
    "video_unsupported",
    `It is a 3D video, whose pictures hold the views of both eyes, ${packing}. ` +
      `Send those of one eye: ffmpeg -i FILE -vf crop=${half}:0:0 video.mp4`,
  );
}

/** HDR video needs filters that not every ffmpeg has. */
export async function canMapTones(
  config: FramesConfig,
  film: ProbedVideo,
  context: StageContext,
): Promise<Result<boolean, Failure>> {
  if (film.transfer === "sdr") return ok(true);
  const lines: string[] = [];
  const ran = await runFrameTool(config, config.ffmpeg, ["-hide_banner", "-filters"], context, {
    onLine: (line) => lines.push(line),
  });
  return ran.ok ? ok(canToneMap(lines.join("\n"))) : ran;
}
