import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import { runTool, type ToolCall, type ToolExit } from "../../processes/run-tool.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "./container-signature.ts";
import { candidateName, canToneMap, extractArguments, greySize, judgeFrames } from "./extract.ts";
import { type FrameLimits, type FrameOptions, type FramePlan, planFrames } from "./frame-plan.ts";
import {
  parseProbe,
  probeArguments,
  TimesCollector,
  timesArguments,
  type VideoInfo,
  type VideoTimes,
} from "./probe.ts";
import { SharpnessMeter, sharpestOfEach } from "./sharpness.ts";

export interface FramesConfig extends FrameLimits {
  /** The programs, by name or path. */
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** The longest that one command may run. */
  readonly commandTimeoutMs: number;
}

export interface FramesInput {
  /** The video. Only this file is read, whatever it says inside. */
  readonly file: string;
  readonly options: FrameOptions;
}

export const FramesOutput = z.object({
  /** frame_00001.jpg to frame_<count>.jpg lie in the stage's folder. */
  count: z.int().positive(),
  /** Pixels of the frames. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** Frames per second of video, after the cap on their number. */
  fps: z.number().positive(),
  /** Seconds of the video that the frames cover. */
  start_sec: z.number().nonnegative(),
  end_sec: z.number().positive(),
  /** What the person who sent the video should know. */
  notes: z.array(z.string()),
});
export type FramesOutput = z.infer<typeof FramesOutput>;

/**
 * Takes still frames out of the video at the rate asked for: the sharpest picture of each frame's time.
 *
 * Fails with `video_corrupt`, `video_unsupported`, `video_size_unsupported`, `video_no_stream`,
 * `time_range_empty`, `too_few_frames`, `disk_full`, and what `runTool` returns.
 */
export function createFramesStage(config: FramesConfig): Stage<FramesInput, FramesOutput> {
  const { maxLongSide, maxFrames, minFrames, maxCandidatesPerFrame } = config;
  return {
    name: "frames",
    token: "cpu",
    key: ({ options: { fps, start_sec, end_sec } }) => [
      fps,
      start_sec,
      end_sec,
      maxLongSide,
      maxFrames,
      minFrames,
      maxCandidatesPerFrame,
    ],
    run: (input, context) => takeFrames(config, input, context),
  };
}

async function takeFrames(
  config: FramesConfig,
  input: FramesInput,
  context: StageContext,
): Promise<StageResult<FramesOutput>> {
  context.report({ fraction: 0, message: "reading the video" });
  const info = await probe(config, input.file, context);
  if (!info.ok) return info;
  const times = await readTimes(config, input.file, info.value, context);
  if (!times.ok) return times;
  const plan = planFrames(info.value, times.value, input.options, config);
  if (!plan.ok) return plan;
  context.log.info({ info: info.value, times: times.value, plan: plan.value }, "taking frames");

  await removePictures(context.dir);
  const toneMap = await canMapTones(config, info.value, context);
  if (!toneMap.ok) return toneMap;
  const missing = await extract(config, input.file, info.value, plan.value, toneMap.value, context);
  if (!missing.ok) return missing;
  const count = plan.value.count - missing.value;
  const notes = [...plan.value.notes];
  if (!toneMap.value) notes.push("Its HDR colours are pale: the agent's ffmpeg lacks zscale or tonemap.");
  if (missing.value > 1) notes.push(`Only ${count} of ${plan.value.count} frames could be decoded.`);
  const { width, height, fps, start, end } = plan.value;
  context.report({ fraction: 1, message: [`${count} frames of ${width}×${height}`, ...notes].join(". ") });
  return ok({ count, width, height, fps, start_sec: start, end_sec: end, notes });
}

async function probe(
  config: FramesConfig,
  file: string,
  context: StageContext,
): Promise<Result<VideoInfo, Failure>> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const ran = await run(config, config.ffprobe, probeArguments(file), context, {
    onLine: (line, stream) => {
      (stream === "stdout" ? stdout : stderr).push(line);
      if (stream === "stderr") context.toolOutput(line);
    },
  });
  if (!ran.ok) return ran;
  const tooLarge = stderr.map((line) => TOO_LARGE.exec(line)?.[1]).find((size) => size !== undefined);
  const info = ran.value.exitCode === 0 ? parseProbe(stdout.join("\n")) : null;
  // It may be said of a cover picture or of subtitles.
  if (info?.ok) return info;
  if (tooLarge !== undefined) return err(failure("video_size_unsupported", `They are ${tooLarge}.`));
  return info ?? err(unreadable(signatureOf(await readHead(file)), lastWords(stderr, file)));
}

/** What the decoders say to a picture above `MAX_PICTURE_PIXELS`. */
const TOO_LARGE = /Picture size ([1-9]\d*x[1-9]\d*) (?:is invalid|exceeds specified max pixel count)/;

/** What ffprobe made of a file is more telling in the line before the last, "moov atom not found" for one. */
function lastWords(stderr: readonly string[], file: string): string {
  return stderr
    .filter((line) => !/^\s*Last message repeated/.test(line))
    .slice(-2)
    .map((line) => line.replace(`file:${file}: `, "").replace(/^\[[^\]]* @ 0x[0-9a-f]+\] /, ""))
    .join(": ");
}

/** Why ffprobe could make nothing of a file. */
function unreadable(signature: Signature, words: string): Failure {
  if (signature === "empty") return failure("video_corrupt", "The file is empty.");
  if (signature === "video") return failure("video_corrupt", words);
  const kinds: Partial<Record<Signature, string>> = {
    playlist: "It is a playlist that names other files.",
    html: "It is a web page.",
    text: "It is a text.",
    other: "It is another kind of file: a picture, a sound, an archive or a document.",
  };
  return failure("video_unsupported", kinds[signature] ?? words);
}

async function readHead(file: string): Promise<Uint8Array> {
  await using handle = await open(file);
  const head = Buffer.alloc(SIGNATURE_BYTES);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

async function readTimes(
  config: FramesConfig,
  file: string,
  info: VideoInfo,
  context: StageContext,
): Promise<Result<VideoTimes, Failure>> {
  const { maxPictures } = config;
  const tooMany = err(failure("video_unsupported", `It has more than ${maxPictures} pictures.`));
  if ((info.indexedFrames ?? 0) > maxPictures) return tooMany;
  const collector = new TimesCollector();
  const enough = new AbortController();
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const args = timesArguments(file, info.stream);
  const ran = await run(
    config,
    config.ffprobe,
    args,
    { ...context, signal },
    {
      onLine: (line, stream) => {
        if (stream === "stdout") collector.add(line);
        else context.toolOutput(line);
        if (collector.count > maxPictures) enough.abort();
      },
    },
  );
  if (enough.signal.aborted && !context.signal.aborted) return tooMany;
  if (!ran.ok) return ran;
  const times = collector.finish(info.fileStart);
  return times ? ok(times) : err(failure("video_corrupt", "Its video track has no pictures."));
}

/** @returns how many of the planned frames are missing */
async function extract(
  config: FramesConfig,
  file: string,
  info: VideoInfo,
  plan: FramePlan,
  toneMap: boolean,
  context: StageContext,
): Promise<Result<number, Failure>> {
  const errors: string[] = [];
  const meter = new SharpnessMeter(greySize(plan));
  const ran = await run(config, config.ffmpeg, extractArguments(file, info, plan, toneMap), context, {
    onLine: (line) => {
      context.toolOutput(line);
      if (errors.length < 1000) errors.push(line);
    },
    onBytes: (chunk) => {
      meter.push(chunk);
      const frames = Math.min(plan.count, Math.ceil(meter.scores.length / plan.perFrame));
      context.report({
        fraction: frames / plan.count,
        message: `extracting frames: ${frames} of ${plan.count}`,
      });
    },
  });
  if (!ran.ok) return ran;
  if (errors.some((line) => /No space left on device/i.test(line))) return err(failure("disk_full", ""));
  const written = await keepSharpest(context, meter.scores, plan.perFrame);
  return judgeFrames(plan, written, config.minFrames, errors);
}

/** Leaves the chosen candidates as frame_00001.jpg and so on. @returns how many there are */
async function keepSharpest(
  context: StageContext,
  scores: readonly number[],
  perFrame: number,
): Promise<number> {
  const there = new Set(await namesIn(context.dir, CANDIDATE));
  const chosen = sharpestOfEach(scores, perFrame).filter((index) => there.has(candidateName(index)));
  const sharper = chosen.filter((index) => index % perFrame > 0).length;
  context.log.info({ perFrame, frames: chosen.length, sharper }, "chose the sharpest pictures");
  for (const [i, index] of chosen.entries()) {
    const name = `frame_${String(i + 1).padStart(5, "0")}.jpg`;
    await rename(join(context.dir, candidateName(index)), join(context.dir, name));
  }
  for (const name of await namesIn(context.dir, CANDIDATE)) await rm(join(context.dir, name));
  return chosen.length;
}

/** HDR video needs filters that not every ffmpeg has. */
async function canMapTones(
  config: FramesConfig,
  info: VideoInfo,
  context: StageContext,
): Promise<Result<boolean, Failure>> {
  if (info.transfer === "sdr") return ok(true);
  const filters = await listFilters(config, context);
  return filters.ok ? ok(canToneMap(filters.value)) : filters;
}

async function listFilters(config: FramesConfig, context: StageContext): Promise<Result<string, Failure>> {
  const lines: string[] = [];
  const ran = await run(config, config.ffmpeg, ["-hide_banner", "-filters"], context, {
    onLine: (line) => lines.push(line),
  });
  return ran.ok ? ok(lines.join("\n")) : ran;
}

function run(
  config: FramesConfig,
  file: string,
  args: readonly string[],
  context: StageContext,
  output: Pick<ToolCall, "onLine" | "onBytes">,
): Promise<Result<ToolExit, Failure>> {
  return runTool({
    file,
    args,
    cwd: context.dir,
    env: { TERM: "dumb", AV_LOG_FORCE_NOCOLOR: "1" },
    signal: context.signal,
    timeoutMs: config.commandTimeoutMs,
    // ffprobe is silent while it reads through a file whose data comes before its index.
    silenceMs: config.commandTimeoutMs,
    confine: { reads: inputsOf(args) },
    ...output,
  });
}

/** The files that a command line of ffmpeg or ffprobe reads: all are named by a file: URL. */
function inputsOf(args: readonly string[]): string[] {
  return args.flatMap((arg) => (arg.startsWith("file:") ? [arg.slice("file:".length)] : []));
}

const FRAME = /^frame_\d+\.jpg$/;
const CANDIDATE = /^candidate_\d+\.jpg$/;

async function namesIn(dir: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(dir)).filter((name) => pattern.test(name)).toSorted();
}

/** What an interrupted run left. */
async function removePictures(dir: string): Promise<void> {
  for (const pattern of [FRAME, CANDIDATE]) {
    for (const name of await namesIn(dir, pattern)) await rm(join(dir, name));
  }
}
