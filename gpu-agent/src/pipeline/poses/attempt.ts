import { mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { runTool } from "../../processes/run-tool.ts";
import type { StageContext } from "../stage.ts";
import {
  type ColmapPaths,
  extractFeatures,
  type Hardware,
  loopPairs,
  mapCameras,
  matchFeatures,
  matchPairs,
} from "./colmap-commands.ts";
import { entryCount } from "./colmap-model.ts";
import { type ColmapEvent, type ColmapProblem, parseColmapLine, plainLine } from "./colmap-output.ts";
import type { ColmapDialect } from "./colmap-version.ts";
import {
  FEW_FEATURES,
  finer,
  type PoseSettings,
  type Resumption,
  type SequentialMatching,
} from "./settings.ts";

/** COLMAP on this machine and the images it works on. */
export interface ColmapJob {
  readonly program: string;
  readonly dialect: ColmapDialect;
  readonly images: string;
  /** File names in `images`, in the order of time. */
  readonly names: readonly string[];
  readonly hardware: Hardware;
  /** The longest that one command may run, and may print nothing. */
  readonly timeoutMs: number;
  readonly silenceMs: number;
  readonly context: StageContext;
}

export interface AttemptOutcome {
  /** The folder of the largest model; null when none came about. */
  readonly model: string | null;
  /** How many images are in it. */
  readonly registered: number;
  /** Mean number of features per image. */
  readonly features: number;
  /** How many images matched with some other. */
  readonly connected: number;
  readonly problem: ColmapProblem | null;
  /** COLMAP's last lines. */
  readonly lastWords: string;
}

/** Fewer features per image than this on average: nothing to see. */
export const HARDLY_ANY_FEATURES = 30;

/** Shares of an attempt's time; matching is by far the longest on a CPU. */
const PHASES = { extract: 0.15, match: 0.5, map: 0.35 } as const;

/**
 * Runs feature extraction, matching and mapping in `dir`, which it makes anew.
 *
 * @param report told how much of the attempt is done, 0–1, and what is going on
 * @returns an outcome without a model when COLMAP says that the images yield none; `colmap_failed` when it
 *   breaks; and what `runTool` returns
 */
export async function runAttempt(
  job: ColmapJob,
  settings: PoseSettings,
  dir: string,
  report: (fraction: number, message: string) => void,
): Promise<Result<AttemptOutcome, Failure>> {
  const paths = pathsIn(dir, job.images);
  let used = settings;
  let extracted = await extract(job, used, dir, paths, report);
  if (extracted.ok && extracted.value.features < FEW_FEATURES && used.firstOctave === 0) {
    used = finer(used);
    extracted = await extract(job, used, dir, paths, report);
  }
  if (!extracted.ok) return extracted;
  const { features } = extracted.value;
  if (features < HARDLY_ANY_FEATURES) {
    return ok({ model: null, registered: 0, features, connected: 0, problem: "no_matches", lastWords: "" });
  }
  const matched = await match(job, used, paths, report);
  if (!matched.ok) return matched;
  return mapModel(job, used, paths, features, report);
}

/** Goes on with what an attempt in `dir`, which came to no model, has found: `features` per image and their matches. */
export async function resumeAttempt(
  job: ColmapJob,
  { from, settings }: Resumption,
  dir: string,
  features: number,
  report: (fraction: number, message: string) => void,
): Promise<Result<AttemptOutcome, Failure>> {
  const paths = pathsIn(dir, job.images);
  await rm(paths.sparse, { recursive: true, force: true });
  await mkdir(paths.sparse, { recursive: true });
  if (from === "far matches" && settings.matching.kind === "sequential") {
    report(PHASES.extract, "matching: frames far apart");
    const matched = await matchFar(job, settings, settings.matching, paths);
    if (!matched.ok) return matched;
  }
  return mapModel(job, settings, paths, features, report);
}

function pathsIn(dir: string, images: string): ColmapPaths {
  return {
    database: join(dir, "database.db"),
    sparse: join(dir, "sparse"),
    pairs: join(dir, "pairs.txt"),
    images,
  };
}

async function extract(
  job: ColmapJob,
  settings: PoseSettings,
  dir: string,
  paths: ColmapPaths,
  report: (fraction: number, message: string) => void,
): Promise<Result<{ features: number }, Failure>> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(paths.sparse, { recursive: true });
  let images = 0;
  let features = 0;
  const ran = await colmap(job, extractFeatures(job.dialect, settings, paths, job.hardware), (event) => {
    if (event.kind === "features") {
      images++;
      features += event.count;
    }
    if (event.kind !== "step") return;
    report(
      (PHASES.extract * event.done) / event.total,
      `finding features: ${event.done} of ${event.total} frames`,
    );
  });
  if (!ran.ok) return ran;
  if (hasFailed(job, ran.value)) return err(broken("feature extraction", ran.value));
  return ok({ features: images > 0 ? features / images : 0 });
}

async function match(
  job: ColmapJob,
  settings: PoseSettings,
  paths: ColmapPaths,
  report: (fraction: number, message: string) => void,
): Promise<Result<void, Failure>> {
  const what = settings.matching.kind === "exhaustive" ? "blocks" : "frames";
  const ran = await colmap(job, matchFeatures(job.dialect, settings, paths, job.hardware), (event) => {
    if (event.kind !== "step") return;
    const fraction = PHASES.extract + (PHASES.match * event.done) / event.total;
    report(fraction, `matching: ${event.done} of ${event.total} ${what}`);
  });
  if (!ran.ok) return ran;
  if (hasFailed(job, ran.value)) return err(broken("matching", ran.value));
  if (settings.matching.kind === "exhaustive") return ok(undefined);
  report(PHASES.extract + PHASES.match, "matching: looking for places seen before");
  return matchFar(job, settings, settings.matching, paths);
}

/** Every `loopStride`-th frame with each other, as far as COLMAP has not matched them yet. */
async function matchFar(
  job: ColmapJob,
  settings: PoseSettings,
  { loopStride, overlap }: SequentialMatching,
  paths: ColmapPaths,
): Promise<Result<void, Failure>> {
  const pairs = loopPairs(job.names, loopStride, overlap);
  if (pairs.length === 0) return ok(undefined);
  await writeFile(paths.pairs, pairs.map((pair) => `${pair.join(" ")}\n`).join(""));
  const ran = await colmap(job, matchPairs(job.dialect, settings, paths, job.hardware), () => undefined);
  // These matches are a help, not a need: what they lack shows in the model.
  if (ran.ok && ran.value.exitCode !== 0) {
    job.context.log.warn({ tail: ran.value.tail.slice(-3) }, "matching distant frames failed");
  }
  return ran.ok ? ok(undefined) : ran;
}

async function mapModel(
  job: ColmapJob,
  settings: PoseSettings,
  paths: ColmapPaths,
  features: number,
  report: (fraction: number, message: string) => void,
): Promise<Result<AttemptOutcome, Failure>> {
  const before = PHASES.extract + PHASES.match;
  let most = 0;
  let connected = 0;
  const ran = await colmap(job, mapCameras(job.dialect, settings, paths, job.hardware), (event) => {
    if (event.kind === "connected") connected = event.count;
    if (event.kind !== "registered" && event.kind !== "adjusting") return;
    if (event.kind === "registered") most = Math.max(most, Math.min(event.count, job.names.length));
    const message = `placing cameras: ${most} of ${job.names.length} frames`;
    report(before + (PHASES.map * most) / job.names.length, message);
  });
  if (!ran.ok) return ran;
  const best = await largestModel(paths.sparse);
  const lastWords = ran.value.tail.slice(-3).map(plainLine).join(" | ");
  if (best?.sound) {
    const { model, registered } = best;
    return ok({ model, registered, features, connected, problem: null, lastWords });
  }
  // A model without points is what a camera that only turns, or stands still, leads to.
  const problem = best ? "no_initial_pair" : ran.value.problem;
  if (problem === "no_initial_pair" || problem === "no_matches") {
    return ok({ model: null, registered: 0, features, connected, problem, lastWords });
  }
  return err(broken("mapping", ran.value));
}

interface ColmapExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly tail: readonly string[];
  /** The most telling thing that went wrong, as far as COLMAP said so. */
  readonly problem: ColmapProblem | null;
  /** The line that said so. */
  readonly said: string | null;
}

/** COLMAP ends with 0 also where it could not use the GPU, having found nothing. */
function hasFailed({ hardware }: ColmapJob, { exitCode, problem }: ColmapExit): boolean {
  return exitCode !== 0 || (hardware.gpu && problem === "gpu");
}

async function colmap(
  job: ColmapJob,
  args: readonly string[],
  onEvent: (event: ColmapEvent) => void,
): Promise<Result<ColmapExit, Failure>> {
  let problem: ColmapProblem | null = null;
  let said: string | null = null;
  const ran = await runTool({
    file: job.program,
    args,
    cwd: job.context.dir,
    // Without a display Qt aborts unless it is told not to look for one.
    env: { QT_QPA_PLATFORM: "offscreen", TERM: "dumb" },
    signal: job.context.signal,
    timeoutMs: job.timeoutMs,
    silenceMs: job.silenceMs,
    confine: { reads: [], gpu: job.hardware.gpu },
    onLine: (line) => {
      job.context.toolOutput(line);
      const event = parseColmapLine(line);
      if (event?.kind === "problem") {
        if (problem === null || (problem === "other" && event.problem !== "other")) {
          problem = event.problem;
          said = plainLine(line).trim();
        }
      } else if (event) onEvent(event);
    },
  });
  if (!ran.ok) return ran;
  return ok({ ...ran.value, problem, said });
}

/** A failure with COLMAP's last words. The problem "gpu" tells the caller to go on without one. */
export interface ColmapFailure extends Failure {
  readonly problem: ColmapProblem | null;
}

function broken(step: string, exit: ColmapExit): ColmapFailure {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  // A crash prints its stack, which says nothing to anybody here.
  const last = exit.tail
    .map(plainLine)
    .filter((line) => !/^\s*@\s+0x/.test(line))
    .slice(-5);
  const words = [
    ...(exit.said === null || last.some((line) => line.trim() === exit.said) ? [] : [exit.said]),
    ...last,
  ].join(" | ");
  return {
    ...failure("colmap_failed", `COLMAP's ${step} ended with ${how}: ${words}`),
    problem: exit.problem,
  };
}

/** A model with fewer points than this for each image holds together by chance. */
const MIN_POINTS_PER_IMAGE = 10;

interface FoundModel {
  readonly model: string;
  readonly registered: number;
  readonly sound: boolean;
}

/**
 * The sound model with the most images, or the unsound one if there is no other. COLMAP numbers its models in
 * the order in which it made them, so the first one may be a small leftover.
 */
async function largestModel(sparse: string): Promise<FoundModel | null> {
  const models: FoundModel[] = [];
  for (const name of (await readdir(sparse)).toSorted()) {
    const model = join(sparse, name);
    const registered = await countOf(join(model, "images.bin"));
    const points = await countOf(join(model, "points3D.bin"));
    if (registered === null || points === null) continue;
    models.push({ model, registered, sound: points >= MIN_POINTS_PER_IMAGE * registered });
  }
  models.sort((a, b) => Number(b.sound) - Number(a.sound) || b.registered - a.registered);
  return models[0] ?? null;
}

async function countOf(path: string): Promise<number | null> {
  try {
    await using file = await open(path);
    const head = Buffer.alloc(8);
    const { bytesRead } = await file.read(head, 0, 8, 0);
    return entryCount(head.subarray(0, bytesRead));
  } catch {
    return null;
  }
}
