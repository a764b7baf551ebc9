import { availableParallelism } from "node:os";
import type { Failure, Result } from "@splatt/shared";
import { type Camera, cameraOnPath } from "./camera-path.ts";
import { encodeVideo } from "./encode-video.ts";
import type { FrameSize } from "./render-frame.ts";
import { RenderPool } from "./render-pool.ts";
import type { RenderTask } from "./render-worker.ts";
import { sampleScene } from "./scene.ts";
import { type FaceTexture, layOutAtlas } from "./textures.ts";

export interface SampleClipOptions {
  /** The program, by name or path. */
  readonly ffmpeg?: string;
  /** Pixels; even. */
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  readonly seconds?: number;
  /** How many threads render; all cores by default. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** 0–1. */
  readonly onProgress?: (fraction: number) => void;
}

export type RenderOptions = Pick<SampleClipOptions, "threads" | "signal" | "onProgress">;

export const SAMPLE_CLIP = { width: 640, height: 480, fps: 8, seconds: 10 } as const;
const MOST_THREADS = 16;

/**
 * Makes the sample video: a walk past a table with toy blocks, books, a globe and a plant. Rendered here, so
 * it needs no network and no third-party licence; equal options produce equal pictures. At 4 frames per second it
 * yields 40 frames, all of which COLMAP registers.
 *
 * @returns `tool_missing` without ffmpeg, `agent_stopped` on abort
 */
export async function makeSampleClip(
  path: string,
  options: SampleClipOptions = {},
): Promise<Result<void, Failure>> {
  const { ffmpeg = "ffmpeg", fps = SAMPLE_CLIP.fps, seconds = SAMPLE_CLIP.seconds, signal } = options;
  const size = { width: options.width ?? SAMPLE_CLIP.width, height: options.height ?? SAMPLE_CLIP.height };
  const count = Math.round(fps * seconds);
  const frames = renderSampleFrames(
    Array.from({ length: count }, (_, i) => i / Math.max(1, count - 1)),
    size,
    options,
  );
  return encodeVideo(path, { ffmpeg, ...size, fps, ...(signal ? { signal } : {}) }, frames);
}

/**
 * Renders the camera's view at the given points of its path.
 *
 * @param progress each 0 (the first frame of the sample clip) to 1 (its last)
 * @returns rgb24, row by row
 */
export function renderSampleFrames(
  progress: readonly number[],
  size: FrameSize,
  options: RenderOptions = {},
): AsyncGenerator<Uint8Array> {
  const cameras = progress.map((at) => cameraOnPath(at, size.width));
  return renderFrames(cameras, size, options);
}

/** Renders these cameras' views of the sample scene; rgb24, row by row. */
export async function* renderFrames(
  cameras: readonly Camera[],
  size: FrameSize,
  options: RenderOptions = {},
): AsyncGenerator<Uint8Array> {
  const atlas = layOutAtlas(sampleScene());
  const faces = atlas.faces.flat().filter((face): face is FaceTexture => face !== null);
  // The large faces first, to balance the threads.
  faces.sort((a, b) => area(b) - area(a));
  const tasks: RenderTask[] = cameras.map((camera) => ({ kind: "frame", camera, size }));
  const threads = Math.min(MOST_THREADS, options.threads ?? availableParallelism());
  const pool = new RenderPool(threads, { texels: new SharedArrayBuffer(atlas.bytes) });
  // Painting the textures takes about as long as ten frames.
  const total = tasks.length + 10;
  let done = 0;
  try {
    for await (const _ of pool.map(faces.map(({ prop, face }) => ({ kind: "face", prop, face })))) {
      if (options.signal?.aborted) return;
      done += 10 / faces.length;
      options.onProgress?.(done / total);
    }
    for await (const frame of pool.map(tasks)) {
      if (options.signal?.aborted) return;
      yield frame;
      done++;
      options.onProgress?.(done / total);
    }
  } finally {
    await pool.close();
  }
}

function area(texture: FaceTexture): number {
  const level = texture.levels[0];
  return level ? level.width * level.height : 0;
}
