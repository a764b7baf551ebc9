import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { StageContext } from "../stage.ts";
import { enlarge, type Rectangle } from "./bars.ts";
import { refusesColours } from "./colour.ts";
import { type Decoded, decode } from "./decode.ts";
import type { DecodeRequest, PictureStamps } from "./decode-command.ts";
import type { DecodeLog } from "./decode-log.ts";
import { type Fields, fieldsOf, shapesOf } from "./fields.ts";
import { decodedTimes, type Times } from "./footage.ts";
import { type FrameOptions, type FramePlan, planFrames } from "./frame-plan.ts";
import { frameSize } from "./frame-size.ts";
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
import { bothEyes, type FramesConfig, type InputVideo } from "./input-video.ts";
import { judgeDecoded } from "./judge-frames.ts";
import { isUpright, reportedTurn } from "./orientation.ts";
import { inputUrl, MAX_PICTURE_PIXELS } from "./probe.ts";
import { readMessageOrientations, readPixelAspects } from "./read-video.ts";

/** Pixels of the shorter side: smaller frames have too few features. */
const MIN_SIDE = 32;
/** The first pass relies on the packets; the next ones correct the times, the geometry and the bars. */
const MAX_PASSES = 6;

/** A pass whose pictures match the plan made from its own result. */
export interface FinalPass {
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
export async function decodeUntilPlanned(
  config: FramesConfig,
  video: InputVideo,
  options: FrameOptions,
  toneMap: boolean,
  context: StageContext,
): Promise<Result<FinalPass, Failure>> {
  const { film, promised } = video;
  const aspects = await readPixelAspects(config, inputUrl(video.path, video.part), video.file, film, context);
  if (!aspects.ok) return aspects;
  let stopAfter: number | null = countBefore(promised.times, options.end_sec);
  let geometry: Geometry = { ...film, orientation: video.orientation };
  let bars: Rectangle | null = null;
  const stored = sizesOf(config, video, geometry, bars);
  if (!stored.ok) return stored;
  let guess = planFrames({ ...promised, usable: { from: 0, to: promised.times.length } }, options, config);
  if (!guess.ok) return guess;
  let plan = guess.value;
  let fields: Fields = film.interlaced ? "flagged" : "none";
  let stamps: PictureStamps | null = null;
  let hideMatrix = false;

  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const sizes = sizesOf(config, video, geometry, bars);
    if (!sizes.ok) return sizes;
    const request: DecodeRequest = {
      url: inputUrl(video.path, video.part),
      stream: film.stream,
      codec: film.codec,
      picks: plan.windows.flat(),
      stamps,
      stopAfter: stamps === null ? stopAfter : null,
      fields,
      bars,
      colour: film,
      hideMatrix,
      toneMap,
      ...sizes.value,
    };
    const expected = stopAfter ?? promised.times.length;
    const decoded = await decode(config, request, video.index.startsWithKey, context, (count) =>
      context.report({
        fraction: Math.min(1, count / expected),
        message: `extracting frames: picture ${count} of ${expected}${pass > 1 ? `, pass ${pass}` : ""}`,
      }),
    );
    if (!decoded.ok) return decoded;
    const { log, errors } = decoded.value;
    if (log.stamps.length === 0 && !hideMatrix && refusesColours(errors)) {
      hideMatrix = true;
      pass--;
      continue;
    }
    const damage = judgeDecoded(log.stamps.length, expected, errors);
    if (damage) return err(damage);
    if (log.packedEyes) return err(bothEyes(log.packedEyes));

    const stopped = log.stamps.length === request.stopAfter;
    const times = decodedTimes(video.file, video.index, promised, log, stopped);
    const own = await readTurns(config, video, log, context);
    if (!own.ok) return own;
    const foundFields = fieldsOf(log, film.codec, fields);
    const shapes = shapesOf(aspects.value.applyTo(log.runs(), log.stamps), foundFields);
    const runs = geometryRuns(shapes, own.value);
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
      foundFields === fields;
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
    fields = foundFields;
    if (!complete) stopAfter = null;
  }
  return err(failure("ffmpeg_failed", `It delivered different pictures in each of ${MAX_PASSES} passes.`));
}

/** The orientations of the decoded pictures. Few videos declare any but the container's. */
async function readTurns(
  config: FramesConfig,
  { path, part, film, orientation }: InputVideo,
  log: DecodeLog,
  context: StageContext,
): Promise<Result<readonly Turn[], Failure>> {
  // Newer versions repeat the container's orientation on each picture. Upright ones are not reported.
  const own = [...log.turns].filter((turn) => isUpright(orientation) || turn !== reportedTurn(orientation));
  if (own.length === 0) return ok([{ from: 0, orientation }]);
  const messages = await readMessageOrientations(config, inputUrl(path, part), film, context);
  return messages.ok ? ok(messages.value.turns(log, orientation)) : messages;
}

/** How the pictures of a geometry are cropped, turned and scaled. */
function sizesOf(
  config: FramesConfig,
  { film, container }: InputVideo,
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
