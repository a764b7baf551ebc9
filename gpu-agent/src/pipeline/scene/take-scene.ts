import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  counted,
  err,
  type Failure,
  failure,
  failureSentence,
  isHostFailure,
  ok,
  printable,
} from "@splatt/shared";
import { frameName } from "../frames/frame-name.ts";
import type { FrameOptions } from "../frames/frame-plan.ts";
import { type FramesConfig, type InputVideo, readInputVideo } from "../frames/input-video.ts";
import { takeFrames } from "../frames/take-frames.ts";
import type { PhotoFrames } from "../photos/photo-frames.ts";
import type { StageContext, StageResult } from "../stage.ts";
import { shareFrames } from "./share-frames.ts";

/** A video of a scene that several videos show. */
export interface Clip {
  readonly path: string;
  /** For messages. */
  readonly name: string;
}

/** Photos of the scene, which are taken like the frames of a video. */
export interface PhotoSet {
  readonly count: number;
  take(most: number, context: StageContext): Promise<StageResult<PhotoFrames>>;
}

export interface SceneSources {
  readonly clips: readonly Clip[];
  readonly photos: PhotoSet | null;
}

/** With fewer frames, nothing can be matched along a video. */
const MIN_FRAMES_OF_CLIP = 2;
/** Each part gets this many frames, if it has them. */
const MIN_SHARE = 24;
/** The share of the stage's time that reading all videos takes. */
const READING_SHARE = 0.1;

/** A part of the scene, ready to be taken into its own folder. */
interface Part {
  readonly name: string;
  /** Frames that it could give. */
  readonly wanted: number;
  take(most: number, context: StageContext): Promise<StageResult<PhotoFrames>>;
}

/**
 * Takes frames of several videos, and photos, of one scene. They share the limit on frames. A video that cannot be
 * used is left out with a note, as long as enough frames are left.
 *
 * Fails with what the only unusable video fails with, `too_few_frames`, and what `runTool` returns.
 */
export async function takeScene(
  config: FramesConfig,
  { clips, photos }: SceneSources,
  options: FrameOptions,
  context: StageContext,
): Promise<StageResult<PhotoFrames>> {
  const unusable: Unusable[] = [];
  const parts: Part[] = [];
  for (const [i, { path, name }] of clips.entries()) {
    const fraction = (READING_SHARE * i) / clips.length;
    context.report({ fraction, message: `reading video ${i + 1} of ${clips.length}` });
    const video = await readInputVideo(config, path, context);
    if (video.ok) parts.push(clipPart(config, name, video.value, options));
    else if (endsStage(video.error)) return video;
    else unusable.push({ name, failure: video.error });
  }
  if (photos !== null) parts.push({ name: "photos", wanted: photos.count, take: photos.take });

  const shares = shareFrames(
    parts.map(({ wanted }) => wanted),
    config.maxFrames,
    MIN_SHARE,
  );
  const taken: PhotoFrames[] = [];
  for (const [i, part] of parts.entries()) {
    const frames = await takePart(part, shares[i] ?? 0, partContext(context, i, parts.length));
    if (frames.ok) taken.push(await renumber(frames.value, taken, i, context.dir));
    else if (endsStage(frames.error)) return frames;
    else {
      await rm(partDir(context.dir, i), { recursive: true });
      unusable.push({ name: part.name, failure: frames.error });
    }
  }
  const scene = joined(taken, unusable);
  if (scene === null || scene.count < config.minFrames) return err(shortage(scene, unusable));
  const message = [`${scene.count} frames of ${sourcesOf(scene)}`, ...scene.notes].join(". ");
  context.report({ fraction: 1, message });
  return ok(scene);
}

interface Unusable {
  readonly name: string;
  readonly failure: Failure;
}

function clipPart(config: FramesConfig, name: string, video: InputVideo, options: FrameOptions): Part {
  const { times, end } = video.promised;
  const start = Math.max(options.start_sec, times[0] ?? 0);
  const until = Math.min(options.end_sec ?? end, end);
  const promised = Math.max(0, Math.round((until - start) * options.fps));
  return {
    name,
    wanted: Math.min(promised, times.length),
    async take(most, context) {
      const limits = { ...config, maxFrames: most, minFrames: MIN_FRAMES_OF_CLIP };
      const frames = await takeFrames(limits, video, options, context);
      return frames.ok ? ok(asPart(name, frames.value)) : frames;
    },
  };
}

type TakenVideo = Extract<Awaited<ReturnType<typeof takeFrames>>, { ok: true }>["value"];

function asPart(
  name: string,
  { count, width, height, fps, start_sec, times, gravity, notes }: TakenVideo,
): PhotoFrames {
  const path = printable(name, 200);
  return {
    count,
    cameras: [{ width, height, focal: null }],
    photos: Array.from({ length: count }, () => ({ camera: 0, path, position: null })),
    videos: [{ name: path, from: 0, count, fps, start_sec, times, ...(gravity && { gravity }) }],
    order: "time",
    notes: notes.map((note) => `${quoted(name)}: ${note}`),
  };
}

/** Takes a part into its own folder. */
async function takePart(part: Part, most: number, context: StageContext): Promise<StageResult<PhotoFrames>> {
  await mkdir(context.dir, { recursive: true });
  return part.take(Math.max(MIN_FRAMES_OF_CLIP, most), context);
}

function partContext(context: StageContext, index: number, parts: number): StageContext {
  const before = READING_SHARE + ((1 - READING_SHARE) * index) / parts;
  return {
    ...context,
    dir: partDir(context.dir, index),
    report: ({ fraction, message }) =>
      context.report({
        fraction: before + ((1 - READING_SHARE) * fraction) / parts,
        message: `${index + 1} of ${parts}: ${message}`,
      }),
  };
}

/** Moves a part's frames behind those of the earlier parts. */
async function renumber(
  part: PhotoFrames,
  earlier: readonly PhotoFrames[],
  index: number,
  dir: string,
): Promise<PhotoFrames> {
  const before = earlier.reduce((sum, { count }) => sum + count, 0);
  const cameras = earlier.reduce((sum, each) => sum + each.cameras.length, 0);
  const from = partDir(dir, index);
  for (let i = 0; i < part.count; i++) {
    await rename(join(from, frameName(i)), join(dir, frameName(before + i)));
  }
  await rm(from, { recursive: true });
  return {
    ...part,
    photos: part.photos.map((photo) => ({ ...photo, camera: cameras + photo.camera })),
    videos: part.videos.map((video) => ({ ...video, from: before + video.from })),
  };
}

function partDir(dir: string, index: number): string {
  return join(dir, `part_${index}`);
}

function joined(parts: readonly PhotoFrames[], unusable: readonly Unusable[]): PhotoFrames | null {
  if (parts.length === 0) return null;
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    cameras: parts.flatMap(({ cameras }) => cameras),
    photos: parts.flatMap(({ photos }) => photos),
    videos: parts.flatMap(({ videos }) => videos),
    order: parts.at(-1)?.order ?? "name",
    notes: [
      ...unusable.map(
        ({ name, failure: why }) => `${quoted(name)} could not be used: ${failureSentence(why)}`,
      ),
      ...parts.flatMap(({ notes }) => notes),
    ],
  };
}

/** Failures that are not one video's. */
function endsStage({ code }: Failure): boolean {
  return (
    code === "agent_stopped" || code === "stage_stalled" || code === "stage_timeout" || isHostFailure(code)
  );
}

function shortage(scene: PhotoFrames | null, unusable: readonly Unusable[]): Failure {
  const [first] = unusable;
  const named = unusable
    .map(({ name, failure: why }) => `${quoted(name)}: ${failureSentence(why)}`)
    .join(" ");
  if (scene === null && first !== undefined) return failure(first.failure.code, named);
  return failure(
    "too_few_frames",
    [`Together they give ${counted(scene?.count ?? 0, "frame")}.`, named].join(" ").trim(),
  );
}

function sourcesOf({ videos, photos }: PhotoFrames): string {
  const rest = photos.length - videos.reduce((sum, { count }) => sum + count, 0);
  return [counted(videos.length, "video"), ...(rest > 0 ? [counted(rest, "photo")] : [])].join(" and ");
}

function quoted(name: string): string {
  return JSON.stringify(printable(name, 100));
}
