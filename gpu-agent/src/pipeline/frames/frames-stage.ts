import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import { takePhotos } from "../photos/take-photos.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import { enlarge, type Rectangle } from "./bars.ts";
import { chooseFrames } from "./choose-frames.ts";
import { canToneMap } from "./colour.ts";
import { type ContainerFacts, readContainer } from "./container.ts";
import { type Decoded, decode, removeCandidates } from "./decode.ts";
import type { DecodeRequest, PictureStamps } from "./decode-command.ts";
import type { DecodeLog } from "./decode-log.ts";
import { decodedTimes, promisedTimes, type Times } from "./footage.ts";
import { type FrameLimits, type FrameOptions, type FramePlan, planFrames } from "./frame-plan.ts";
import { frameSize } from "./frame-size.ts";
import { type FrameTools, runFrameTool } from "./frame-tools.ts";
import {
  type Geometry,
  type GeometryRun,
  geometryRuns,
  longestRun,
  sameGeometry,
  shownSize,
  type Turn,
} from "./geometry.ts";
import { GREY_LONG_SIDE } from "./grey-pictures.ts";
import { readSignature } from "./images.ts";
import { isUpright, type Orientation, reportedTurn, UPRIGHT } from "./orientation.ts";
import type { PacketIndex } from "./packet-index.ts";
import { MAX_PICTURE_PIXELS, type ProbedFile, type ProbedVideo } from "./probe.ts";
import { probeVideo, readMessageOrientations, readPackets } from "./read-video.ts";

export interface FramesConfig extends FrameLimits, FrameTools {}

export interface FramesInput {
  /** A video, or an archive of photos. Only this file is read, whatever other files it references. */
  readonly file: string;
  readonly options: FrameOptions;
}

/** Frames of a video. */
export const VideoFrames = z.object({
  /** The stage's folder holds frame_00001.jpg to frame_<count>.jpg. */
  count: z.int().positive(),
  /** Pixels of the frames. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** Frames per second of video, after the cap on their number. */
  fps: z.number().positive(),
  /** Seconds of the video that the frames cover. */
  start_sec: z.number().nonnegative(),
  end_sec: z.number().positive(),
  /** When each frame is shown in the video: seconds after its beginning. */
  times: z.array(z.number().nonnegative()),
  /** Notes for the person who sent the video. */
  notes: z.array(z.string()),
});
export type VideoFrames = z.infer<typeof VideoFrames>;

export type FramesOutput = VideoFrames | PhotoFrames;

/** Bump when the same video and options give different frames. */
const REVISION = 3;
/** Pixels of the shorter side: smaller frames have too few features. */
const MIN_SIDE = 32;
/** The share of the declared pictures that must decode; otherwise the file is damaged. */
const MIN_DECODED_SHARE = 0.5;
/** The first pass relies on the packets; the next ones correct the times, the geometry and the bars. */
const MAX_PASSES = 4;

/**
 * Extracts still frames at the requested rate: the sharpest picture near each frame's time. From an archive, takes the
 * photos.
 *
 * Fails with `video_corrupt`, `video_unsupported`, `video_size_unsupported`, `video_no_stream`, `video_encrypted`,
 * `video_spherical`, `video_dolby_vision`, `image_still`, `image_animated`, `image_motion_photo`, `time_range_empty`,
 * `too_few_frames`, `ffmpeg_failed`, `tool_unsupported`, `disk_full`, and what `runTool` and `takePhotos` return.
 */
export function createFramesStage(config: FramesConfig): Stage<FramesInput, FramesOutput> {
  const { maxLongSide, maxFrames, minFrames, maxCandidatesPerFrame } = config;
  return {
    name: "frames",
    token: "cpu",
    key: ({ options: { fps, start_sec, end_sec } }) => [
      REVISION,
      fps,
      start_sec,
      end_sec,
      maxLongSide,
      maxFrames,
      minFrames,
      maxCandidatesPerFrame,
    ],
    async run({ file, options }, context) {
      await removePictures(context.dir);
      if ((await readSignature(file)) !== "archive") return takeFrames(config, { file, options }, context);
      const { size } = await stat(file);
      return takePhotos(config, { file, bytes: size, options }, context);
    },
  };
}

/** Everything known about the video before decoding. */
interface Video {
  readonly path: string;
  readonly file: ProbedFile;
  readonly film: ProbedVideo;
  readonly container: ContainerFacts;
  /** Of the pictures that do not declare their own. */
  readonly orientation: Orientation;
  readonly index: PacketIndex;
  readonly promised: Times;
}

async function takeFrames(
  config: FramesConfig,
  input: FramesInput,
  context: StageContext,
): Promise<StageResult<VideoFrames>> {
  context.report({ fraction: 0, message: "reading the video" });
  const video = await readVideo(config, input.file, context);
  if (!video.ok) return video;
  const toneMap = await canMapTones(config, video.value.film, context);
  if (!toneMap.ok) return toneMap;
  const pass = await decodeUntilPlanned(config, video.value, input.options, toneMap.value, context);
  if (!pass.ok) return pass;

  const { plan, decoded, request, times } = pass.value;
  if (!request.bars && decoded.greys.isPanorama()) {
    return err(failure("video_spherical", "Its pictures are twice as wide as high and wrap around."));
  }
  const { frames, repeats, missing } = chooseFrames(plan.windows, decoded.candidates);
  context.log.info({ frames: frames.length, repeats, missing }, "chose the frames");
  const tooFew = judgeCount(frames.length, repeats, plan, config.minFrames, decoded.errors);
  if (tooFew) return err(tooFew);
  await keepFrames(
    context.dir,
    frames.flatMap((index) => decoded.candidates[index]?.name ?? []),
  );
  const notes = [...videoNotes(video.value, pass.value), ...plan.notes];
  if (!toneMap.value) notes.push("The HDR colours look pale: the agent's ffmpeg lacks zscale or tonemap.");
  if (repeats > 0) notes.push(`${repeats} frames that repeat the previous one were left out.`);
  if (missing > 1)
    notes.push(`Only ${plan.windows.length - missing} of ${plan.windows.length} frames could be decoded.`);
  const { width, height } = request.frameSize;
  const count = frames.length;
  context.report({ fraction: 1, message: [`${count} frames of ${width}×${height}`, ...notes].join(". ") });
  return ok({
    count,
    width,
    height,
    fps: round(plan.fps),
    start_sec: round(plan.start),
    end_sec: round(plan.end),
    times: frames.map((index) => round(times.times[request.picks[index] ?? 0] ?? 0)),
    notes,
  });
}

/** Probes the file and rejects unusable ones before any picture is decoded. */
async function readVideo(
  config: FramesConfig,
  path: string,
  context: StageContext,
): Promise<Result<Video, Failure>> {
  const file = await probeVideo(config, path, context);
  if (!file.ok) return file;
  // Before choosing the film: the codec and size of encrypted pictures may be unknown.
  const films = file.value.videos.filter(({ attached }) => !attached);
  if (films.every(({ encrypted }) => encrypted)) return err(failure("video_encrypted", ""));
  const packets = await readPackets(config, path, file.value, config.maxPictures, context);
  if (!packets.ok) return packets;
  const { film, index } = packets.value;
  const container = await readContainer(path, file.value, film);
  const unusable = unusableKind(file.value, film, container);
  if (unusable) return err(unusable);
  const orientation = film.orientation ?? container.orientation ?? UPRIGHT;
  const promised = promisedTimes(file.value, film, index);
  context.log.info({ film, container, pictures: promised.times.length, end: promised.end }, "read the video");
  const share = shareInFile(file.value, film, promised);
  if (share < MIN_DECODED_SHARE) {
    return err(failure("video_corrupt", `The file holds only ${Math.round(100 * share)} % of the video.`));
  }
  return ok({ path, file: file.value, film, container, orientation, index, promised });
}

/** The share of its declared duration that the file holds. A transport stream declares none. */
function shareInFile(file: ProbedFile, film: ProbedVideo, promised: Times): number {
  if (film.duration === null || !(film.duration > 0) || file.container.includes("mpegts")) return 1;
  // A fragmented MP4 that was cut out of a longer one declares the end of its clock as its duration.
  const skipped = Math.max(0, file.startTime);
  return Math.max(promised.end - (promised.times[0] ?? 0), promised.end + skipped) / film.duration;
}

function unusableKind(file: ProbedFile, film: ProbedVideo, container: ContainerFacts): Failure | null {
  if (film.encrypted || container.encrypted) return failure("video_encrypted", "");
  if (file.livePhoto || container.livePhoto) return failure("image_motion_photo", "");
  if (film.equirectangular) return failure("video_spherical", "");
  return film.dolbyVisionOnly ? failure("video_dolby_vision", "") : null;
}

/** A pass whose pictures match the plan made from its own result. */
interface FinalPass {
  readonly plan: FramePlan;
  readonly request: DecodeRequest;
  readonly decoded: Decoded;
  readonly times: Times;
  readonly run: GeometryRun;
  /** Whether all pictures of the video have that geometry. */
  readonly uniform: boolean;
}

/**
 * Decodes the video with a plan made from its packets, and compares that with a plan made from the decoded pictures.
 * They differ for broken clocks, undecodable pictures, changing sizes and black bars; then the video is decoded again
 * with the better plan, until a pass confirms its plan.
 */
async function decodeUntilPlanned(
  config: FramesConfig,
  video: Video,
  options: FrameOptions,
  toneMap: boolean,
  context: StageContext,
): Promise<Result<FinalPass, Failure>> {
  const { film, promised } = video;
  let stopAfter: number | null = countBefore(promised.times, options.end_sec);
  let geometry: Geometry = { ...film, orientation: video.orientation };
  let bars: Rectangle | null = null;
  const stored = sizesOf(config, video, geometry, bars);
  if (!stored.ok) return stored;
  let guess = planFrames({ ...promised, usable: { from: 0, to: promised.times.length } }, options, config);
  if (!guess.ok) return guess;
  let plan = guess.value;
  let { interlaced } = film;
  let stamps: PictureStamps | null = null;

  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const sizes = sizesOf(config, video, geometry, bars);
    if (!sizes.ok) return sizes;
    const request: DecodeRequest = {
      file: video.path,
      stream: film.stream,
      picks: plan.windows.flat(),
      stamps,
      stopAfter: stamps === null ? stopAfter : null,
      deinterlace: interlaced,
      bars,
      colour: film,
      toneMap,
      ...sizes.value,
    };
    const expected = stopAfter ?? promised.times.length;
    const decoded = await decode(config, request, context, (count) =>
      context.report({
        fraction: Math.min(1, count / expected),
        message: `extracting frames: picture ${count} of ${expected}${pass > 1 ? `, pass ${pass}` : ""}`,
      }),
    );
    if (!decoded.ok) return decoded;
    const { log, errors } = decoded.value;
    const damage = judgeDecoded(log.stamps.length, expected, errors);
    if (damage) return err(damage);

    const stopped = log.stamps.length === request.stopAfter;
    const times = decodedTimes(video.file, video.index, promised, log, stopped);
    const own = await readTurns(config, video, log, context);
    if (!own.ok) return own;
    const runs = geometryRuns(log.runs(), own.value);
    const run = longestRun(runs, times, options.start_sec, options.end_sec ?? times.end);
    if (!run) return err(failure("video_corrupt", "No picture could be decoded."));
    guess = planFrames({ ...times, usable: run }, options, config);
    // If the clock differs from the packets', the point to stop is wrong too.
    const complete = !stopped || sameTimes(times.times, promised.times);
    if (!guess.ok && complete) return guess;
    const better = guess.ok ? guess.value : plan;
    const restarted = log.restarted && stamps === null;
    const right =
      complete &&
      !restarted &&
      samePictures(better, plan) &&
      sameGeometry(run.geometry, geometry) &&
      interlaced === (interlaced || 2 * log.interlaced > log.stamps.length);
    if (right) {
      const found = decoded.value.greys.withoutBars();
      const clean = found && enlarge(found, request.greySize, request.crop ?? geometry);
      if (sameRectangle(clean, bars)) {
        return ok({ plan: better, request, decoded: decoded.value, times, run, uniform: runs.length === 1 });
      }
      bars = clean;
    }
    context.log.info(
      { pass, right, complete, decoded: log.stamps.length, bars, geometry: run.geometry },
      "decoding again",
    );
    plan = better;
    if (restarted) stamps = log;
    geometry = run.geometry;
    interlaced ||= 2 * log.interlaced > log.stamps.length;
    if (!complete) stopAfter = null;
  }
  return err(failure("ffmpeg_failed", `It delivered different pictures in each of ${MAX_PASSES} passes.`));
}

/** The orientations of the decoded pictures. Few videos declare any but the container's. */
async function readTurns(
  config: FramesConfig,
  { path, film, orientation }: Video,
  log: DecodeLog,
  context: StageContext,
): Promise<Result<readonly Turn[], Failure>> {
  // Newer versions repeat the container's orientation on each picture. Upright ones are not reported.
  const own = [...log.turns].filter((turn) => isUpright(orientation) || turn !== reportedTurn(orientation));
  if (own.length === 0) return ok([{ from: 0, orientation }]);
  const messages = await readMessageOrientations(config, path, film, context);
  return messages.ok ? ok(messages.value.turns(log, orientation)) : messages;
}

/** How the pictures of a geometry are cropped, turned and scaled. */
function sizesOf(
  config: FramesConfig,
  { film, container }: Video,
  geometry: Geometry,
  bars: Rectangle | null,
): Result<Pick<DecodeRequest, "crop" | "orientation" | "frameSize" | "greySize">, Failure> {
  const stored = geometry.width === film.width && geometry.height === film.height;
  const crop = stored || fits(container.crop, geometry) ? container.crop : null;
  const visible = crop ?? geometry;
  const { orientation } = geometry;
  const shown = shownSize(bars ?? visible, container.pixelAspect ?? geometry.pixelAspect, orientation);
  if (Math.min(shown.width, shown.height) < MIN_SIDE || shown.width * shown.height > MAX_PICTURE_PIXELS) {
    return err(failure("video_size_unsupported", `They are ${shown.width}×${shown.height}.`));
  }
  const size = frameSize(shown, config.maxLongSide);
  if (Math.min(size.width, size.height) < MIN_SIDE) {
    const detail = `They are ${shown.width}×${shown.height}, which scaled down is ${size.width}×${size.height}.`;
    return err(failure("video_size_unsupported", detail));
  }
  return ok({ crop, orientation, frameSize: size, greySize: frameSize(visible, GREY_LONG_SIDE) });
}

/** Whether ffmpeg has cropped the pictures already. */
function fits(crop: Rectangle | null, { width, height }: Geometry): boolean {
  return crop !== null && crop.width === width && crop.height === height;
}

function samePictures(a: FramePlan, b: FramePlan): boolean {
  return JSON.stringify(a.windows) === JSON.stringify(b.windows);
}

function sameRectangle(a: Rectangle | null, b: Rectangle | null): boolean {
  return a?.left === b?.left && a?.top === b?.top && a?.width === b?.width && a?.height === b?.height;
}

/** Whether the decoded pictures have the times that the packets declared. */
function sameTimes(times: Float64Array, promised: Float64Array): boolean {
  return times.every((time, i) => Math.abs(time - (promised[i] ?? Number.NaN)) < 1e-3);
}

/** @returns the number of pictures before a time; null when that is all of them */
function countBefore(times: Float64Array, end: number | null): number | null {
  if (end === null) return null;
  const count = times.findIndex((time) => time >= end);
  return count > 0 ? count : null;
}

/** The last two come from builds whose only AV1 decoder needs a graphics card. */
const NO_DECODER =
  /Decoder .* not found|no decoder|Unknown decoder|hardware accelerated AV1 decoding|: Function not implemented/i;
/** The messages of an ffmpeg that lacks an option or a filter. */
const NOT_UNDERSTOOD =
  /Unrecognized option|Option .* not found|No such filter|Error (?:parsing|splitting|initializing|configuring|opening) (?:option|filter|the argument list|complex filter)/i;

/** @returns why the decoded pictures are unusable, or null */
export function judgeDecoded(decoded: number, expected: number, errors: readonly string[]): Failure | null {
  const last = errors.at(-1);
  if (decoded === 0) {
    if (errors.some((line) => NO_DECODER.test(line))) {
      return failure("video_unsupported", "This ffmpeg cannot decode its codec.");
    }
    const problem = errors.find((line) => NOT_UNDERSTOOD.test(line));
    if (problem) return failure("tool_unsupported", `ffmpeg: ${problem}`);
  }
  // An interlaced video may have two packets for each picture, and no errors.
  if (decoded > 0 && (decoded >= MIN_DECODED_SHARE * expected || last === undefined)) return null;
  const words = last ? ` ffmpeg said: ${last}` : "";
  return failure("video_corrupt", `Only ${decoded} of ${expected} pictures could be decoded.${words}`);
}

/** @returns why the frames are too few, or null */
function judgeCount(
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
  const words = errors.length > 0 ? ` ffmpeg said: ${errors.at(-1)}` : "";
  return failure("video_corrupt", `Only ${count + repeats} of ${planned} frames could be decoded.${words}`);
}

function videoNotes(video: Video, { request, run, uniform }: FinalPass): string[] {
  const { film, file, container, promised } = video;
  const notes: string[] = [];
  const tracks = file.videos.filter(({ attached }) => !attached).length;
  if (tracks > 1) {
    notes.push(
      `The file has ${tracks} video tracks; the one with ${film.width}×${film.height} pixels was used.`,
    );
  }
  if (!uniform) {
    const { width, height } = shownSize(run.geometry, run.geometry.pixelAspect, run.geometry.orientation);
    notes.push(
      `The size or orientation of the pictures changes; only the longest stretch, of ${width}×${height}, was used.`,
    );
  }
  if (request.bars) {
    const from = request.crop ?? run.geometry;
    const { bars } = request;
    notes.push(
      `Borders of one colour were cropped: ${from.width}×${from.height} to ${bars.width}×${bars.height}.`,
    );
  }
  if (container.spatial) notes.push("It is spatial video; only the pictures of one eye were used.");
  const share = shareInFile(file, film, promised);
  if (share < 0.95) notes.push(`The file is truncated: it holds ${Math.round(100 * share)} % of the video.`);
  return notes;
}

/** HDR video needs filters that not every ffmpeg has. */
async function canMapTones(
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

/** Renames the chosen candidates to frame_00001.jpg and so on, and removes the others. */
async function keepFrames(dir: string, candidates: readonly string[]): Promise<void> {
  for (const [i, candidate] of candidates.entries()) {
    await rename(join(dir, candidate), join(dir, `frame_${String(i + 1).padStart(5, "0")}.jpg`));
  }
  await removeCandidates(dir);
}

const LEFTOVER = /^(?:(?:frame|photo)_\d+\.jpg|encoded_\d+(?:\.jpg)?|archive\.tar)$/;

/** Removes the leftovers of an interrupted run. */
async function removePictures(dir: string): Promise<void> {
  await removeCandidates(dir);
  for (const name of await readdir(dir)) if (LEFTOVER.test(name)) await rm(join(dir, name));
}

/** Rounds away floating-point noise. */
function round(seconds: number): number {
  return Number(seconds.toFixed(6));
}
