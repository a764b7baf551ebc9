import { availableParallelism, loadavg } from "node:os";
import { lensOf, type Matrix4, type PosedFrame, readTransforms, type Transforms } from "@splatt/formats";
import { err, failureSentence, ok, type Result } from "@splatt/shared";
import type { Vector3 } from "../../poses/vectors.ts";
import { bestView } from "../../preview/best-view.ts";
import { runRenderWorker } from "../../render-worker.ts";
import type { StageContext } from "../../stage.ts";
import { type CameraPath, cameraPath } from "./camera-path.ts";
import { encodeFilm, findEncoder } from "./encode-film.ts";
import type { Film, FilmTask } from "./film-worker.ts";
import { type FilmPlan, planFilm, renderedOf, sizeOf } from "./plan-film.ts";

/** What makes the film of a job. */
export interface FilmTools {
  /** The program, by name or path. */
  readonly ffmpeg: string;
  /** Processor cores. */
  readonly threads: number;
}

export interface FlyThrough {
  readonly splatFile: string;
  readonly transformsFile: string;
  readonly gaussians: number;
  /** The direction that is up in the splat. */
  readonly up: Vector3;
  /** Seconds that the job took so far. */
  readonly jobSeconds: number;
  readonly file: string;
}

/** Of the job's time: what the film may cost. */
const MOST_OF_JOB = 0.1;
const MAX_SIDE = 1280;
/** Each thread has the splat in its memory. */
const GAUSSIANS_IN_MEMORY = 2_000_000;
const MAX_THREADS = 8;

/**
 * Makes a film of a flight through the cameras of the capture, rendered on the processor.
 *
 * @returns or why there is none, in a sentence
 */
export async function makeFlyThrough(
  request: FlyThrough,
  tools: FilmTools,
  context: Pick<StageContext, "dir" | "signal" | "toolOutput" | "report">,
): Promise<Result<FilmPlan, string>> {
  const { splatFile, transformsFile, gaussians, up, jobSeconds, file } = request;
  const transforms = await readTransforms(transformsFile).catch(() => null);
  if (transforms === null) return err("transforms.json does not say how the cameras see.");
  const path = cameraPath(transforms.frames, up);
  if (path === null) return err("The cameras of the capture make no path.");
  const encoder = await findEncoder(tools.ffmpeg, context);
  if (!encoder.ok) return encoder;

  const { aspect, focal, photoSide } = lensFor(transforms, up);
  const task = {
    splatFile,
    focal,
    ...sizeOf(aspect, Math.min(MAX_SIDE, photoSide)),
    poses: [path.poseAt(0)],
  };
  const measured = await work({ ...task, measure: true }, context.signal);
  if (!measured.ok || !("cost" in measured.value)) return notRendered(measured);
  const threads = Math.max(
    1,
    Math.min(tools.threads, availableParallelism(), MAX_THREADS, Math.floor(GAUSSIANS_IN_MEMORY / gaussians)),
  );
  const budget = MOST_OF_JOB * jobSeconds;
  const plan = planFilm(aspect, measured.value.cost, {
    ...{ budget, threads, photoSide, flownBack: !path.closed },
    crowding: Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()),
  });
  if (typeof plan === "number") {
    return err(
      `It would take ${seconds(plan)}, and may take a tenth of the job's ${seconds(jobSeconds)} so far.`,
    );
  }

  const poses = posesOf(path, renderedOf(plan, !path.closed));
  const { width, height } = plan;
  // A machine that became busy since the measurement must not hold up the job.
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(Math.ceil(2000 * budget))]);
  const slices = Array.from({ length: threads }, (_, thread) =>
    poses.filter((_, index) => index % threads === thread),
  );
  const rendered = await Promise.all(
    slices.map((slice) => work({ ...task, width, height, poses: slice, measure: false }, signal)),
  );
  const pictures: Uint8Array[] = [];
  for (const [thread, film] of rendered.entries()) {
    if (!film.ok || !("pictures" in film.value)) return notRendered(film);
    for (const [index, picture] of film.value.pictures.entries())
      pictures[index * threads + thread] = picture;
  }
  const film = path.closed ? pictures : [...pictures, ...pictures.toReversed()];
  const encoded = await encodeFilm(film, plan, { ffmpeg: tools.ffmpeg, file }, { ...context, signal });
  if (encoded.ok) return ok(plan);
  return signal.aborted ? err(GIVEN_UP) : encoded;
}

const GIVEN_UP = "It took longer than measured, so it was given up.";

function work(task: FilmTask, signal: AbortSignal) {
  return runRenderWorker<Film>(new URL("./film-worker.ts", import.meta.url), task, signal);
}

function notRendered(outcome: Awaited<ReturnType<typeof work>>): Result<never, string> {
  if (outcome.ok) return err("The pictures could not be rendered.");
  return outcome.error.code === "agent_stopped" ? err(GIVEN_UP) : err(failureSentence(outcome.error));
}

/** The pictures of a flight: at an even pace around a closed path; starting and ending gently where it turns back. */
function posesOf(path: CameraPath, count: number): Matrix4[] {
  return Array.from({ length: count }, (_, index) =>
    path.poseAt(
      path.closed ? index / count : 0.5 - 0.5 * Math.cos((Math.PI * index) / Math.max(1, count - 1)),
    ),
  );
}

/** A lens like that of the best view, for upright pictures: photos that were taken sideways are turned. */
function lensFor(
  transforms: Transforms,
  up: Vector3,
): { readonly aspect: number; readonly focal: number; readonly photoSide: number } {
  const frame = transforms.frames[bestView(transforms)] as PosedFrame;
  const { w, h, fl_x, fl_y } = lensOf(transforms, frame);
  const along = (column: 0 | 1) =>
    Math.abs(up.reduce((sum, part, row) => sum + part * (frame.transform_matrix[row]?.[column] ?? 0), 0));
  const sideways = along(0) > along(1) && along(0) > 0.5;
  const photoSide = Math.max(w, h);
  return sideways
    ? { aspect: h / w, focal: fl_y / h, photoSide }
    : { aspect: w / h, focal: fl_x / w, photoSide };
}

function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}
