import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import {
  type ColmapPaths,
  extractFeatures,
  loopPairs,
  mapCameras,
  matchFeatures,
  matchPairs,
} from "./colmap-commands.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { type ColmapProblem, plainLine } from "./colmap-output.ts";
import { type ColmapJob, type ColmapStep, runCheckedStep, runStep, stepFailure } from "./colmap-step.ts";
import { clearMatches, countMatchedPairs, readImages } from "./feature-database.ts";
import { type ModelFault, modelFault } from "./model-check.ts";
import { readModel } from "./model-files.ts";
import {
  FEW_FEATURES,
  finer,
  type PoseSettings,
  type Resumption,
  type SequentialMatching,
} from "./settings.ts";
import { similarPairs } from "./similar-pairs.ts";

/** The outcome of a COLMAP pass. */
export interface PassOutcome {
  /** The folder of the largest usable model; null without one. */
  readonly model: string | null;
  /** Images in that model. */
  readonly registered: number;
  /** Mean number of features per image. */
  readonly features: number;
  /** Images that match at least one other. */
  readonly connected: number;
  readonly problem: ColmapProblem | null;
  /** What is wrong with an unusable model; null without one. */
  readonly fault: ModelFault | null;
  /** COLMAP's last lines. */
  readonly lastWords: string;
}

/** The settings of a pass, on the GPU and on the CPU. */
export type PassPlan = (gpu: boolean) => PoseSettings;

type Report = (fraction: number, message: string) => void;

/** With fewer features per image on average, there is nothing to match. */
export const HARDLY_ANY_FEATURES = 30;
/** COLMAP skips images that it cannot read. More than this share is a fault of COLMAP or the disk. */
const MAX_UNREAD_SHARE = 0.2;

/** Shares of a pass's time; matching is by far the longest on a CPU. */
const PHASES = { extract: 0.15, match: 0.5, map: 0.35 } as const;

/**
 * Runs feature extraction, matching and mapping in `dir`, which is emptied first.
 *
 * @param report receives the completed share of the pass, 0–1, and COLMAP's current activity
 * @returns an outcome without a model when the images yield none; `colmap_failed` when COLMAP breaks or its files do
 *   not match the frames; and what `runCheckedStep` returns
 */
export async function runPass(
  job: ColmapJob,
  plan: PassPlan,
  dir: string,
  report: Report,
): Promise<Result<PassOutcome, Failure>> {
  const paths = pathsIn(dir, job.images);
  let used = plan;
  let extracted = await extract(job, used, dir, paths, report);
  if (extracted.ok && extracted.value < FEW_FEATURES && plan(job.gpu.enabled).firstOctave === 0) {
    used = (gpu) => finer(plan(gpu));
    extracted = await extract(job, used, dir, paths, report);
  }
  if (!extracted.ok) return extracted;
  const features = extracted.value;
  if (features < HARDLY_ANY_FEATURES) {
    return ok({ ...NO_MODEL, features, connected: 0, problem: "no_matches", lastWords: "" });
  }
  const matched = await match(job, used, paths, report);
  if (!matched.ok) return matched;
  return mapModel(job, used, paths, features, report);
}

/** Continues a pass in `dir` that yielded no model, from its features and matches. @param features per image */
export async function resumePass(
  job: ColmapJob,
  { from, settings }: Resumption,
  dir: string,
  features: number,
  report: Report,
): Promise<Result<PassOutcome, Failure>> {
  const paths = pathsIn(dir, job.images);
  await rm(paths.sparse, { recursive: true, force: true });
  await mkdir(paths.sparse, { recursive: true });
  if (from === "far matches" && settings.matching.kind === "sequential") {
    report(PHASES.extract, "matching: frames far apart");
    const matched = await matchFar(job, settings, settings.matching, paths);
    if (!matched.ok) return matched;
  }
  return mapModel(job, () => settings, paths, features, report);
}

function pathsIn(dir: string, images: string): ColmapPaths {
  return {
    database: join(dir, "database.db"),
    sparse: join(dir, "sparse"),
    pairs: join(dir, "pairs.txt"),
    images,
  };
}

/** Names the images of a camera. */
function listFile(dir: string, camera: number): string {
  return join(dir, `camera-${camera + 1}.txt`);
}

/** @returns the mean number of features per image */
async function extract(
  job: ColmapJob,
  plan: PassPlan,
  dir: string,
  paths: ColmapPaths,
  report: Report,
): Promise<Result<number, Failure>> {
  let [earlier, current] = [0, 0];
  const reset = async () => {
    [earlier, current] = [0, 0];
    await rm(dir, { recursive: true, force: true });
    await mkdir(paths.sparse, { recursive: true });
    for (const [index, { names }] of job.cameras.entries()) {
      await writeFile(listFile(dir, index), names.map((name) => `${name}\n`).join(""));
    }
    return ok(undefined);
  };
  const step: ColmapStep = {
    name: "feature extraction",
    commands: (hardware) =>
      job.cameras.map((camera, index) => {
        const list = job.cameras.length === 1 ? null : listFile(dir, index);
        return extractFeatures(job.dialect, plan(hardware.gpu), paths, hardware, { ...camera, list });
      }),
    onEvent: (event) => {
      if (event.kind !== "step") return;
      // COLMAP counts the images of each camera from 1.
      if (event.done === 1) earlier = current;
      current = earlier + event.done;
      const total = job.names.length;
      const done = Math.min(current, total);
      report((PHASES.extract * done) / total, `finding features: ${done} of ${total} frames`);
    },
  };
  const check = () => {
    const features = checkFeatures(job, paths.database);
    return features.ok && features.value < HARDLY_ANY_FEATURES && job.gpu.enabled ? ok(null) : features;
  };
  await reset();
  const extracted = await runCheckedStep(job, step, check, reset);
  return extracted.ok ? ok(extracted.value ?? 0) : extracted;
}

/** Compares COLMAP's images with the frames. @returns the mean number of features per image */
function checkFeatures(job: ColmapJob, database: string): Result<number, Failure> {
  const colmapFailed = (detail: string) => err(failure("colmap_failed", detail));
  const images = readImages(database);
  if (!images.ok) return colmapFailed(`COLMAP left no readable database: ${images.error}.`);
  const read = images.value.filter(({ features }) => features !== null);
  const foreign = read.find(({ name }) => !job.sizes.has(name));
  if (foreign !== undefined)
    return colmapFailed(`COLMAP read ${JSON.stringify(foreign.name)}, which is no frame.`);
  for (const image of read) {
    const { width, height } = job.sizes.get(image.name) ?? image;
    if (image.width === width && image.height === height) continue;
    const sizes = `${image.width}×${image.height} pixels, the frames have ${width}×${height}`;
    return colmapFailed(`COLMAP read ${image.name} with ${sizes}.`);
  }
  const unread = job.names.length - read.length;
  if (unread > MAX_UNREAD_SHARE * job.names.length)
    return colmapFailed(`COLMAP read only ${read.length} of ${job.names.length} frames.`);
  if (unread > 0) job.context.log.warn({ unread }, "COLMAP could not read some frames");
  return ok(read.reduce((sum, { features }) => sum + (features ?? 0), 0) / Math.max(1, read.length));
}

async function match(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  report: Report,
): Promise<Result<void, Failure>> {
  const unit = () => (plan(job.gpu.enabled).matching.kind === "sequential" ? "frames" : "blocks");
  const step: ColmapStep = {
    name: "matching",
    commands: (hardware) => [matchFeatures(job.dialect, plan(hardware.gpu), paths, hardware)],
    onEvent: (event) => {
      if (event.kind !== "step") return;
      const fraction = PHASES.extract + (PHASES.match * event.done) / event.total;
      report(fraction, `matching: ${event.done} of ${event.total} ${unit()}`);
    },
  };
  const databaseFailure = (detail: string) =>
    failure("colmap_failed", `COLMAP's database cannot be read: ${detail}.`);
  const check = () => {
    const pairs = countMatchedPairs(paths.database);
    if (!pairs.ok) return err(databaseFailure(pairs.error));
    return ok(pairs.value === 0 ? null : pairs.value);
  };
  const reset = async () => {
    const cleared = clearMatches(paths.database);
    return cleared.ok ? cleared : err(databaseFailure(cleared.error));
  };
  const { matching } = plan(job.gpu.enabled);
  if (matching.kind === "similar") {
    const pairs = similarPairs(paths.database, job, matching);
    if (!pairs.ok) return err(databaseFailure(pairs.error));
    await writePairs(paths.pairs, pairs.value);
  }
  const matched = await runCheckedStep(job, step, check, reset);
  if (!matched.ok) return matched;
  const settings = plan(job.gpu.enabled);
  if (settings.matching.kind !== "sequential") return ok(undefined);
  report(PHASES.extract + PHASES.match, "matching: closing loops");
  return matchFar(job, settings, settings.matching, paths);
}

/** Matches every `loopStride`-th frame with every other, except for pairs already matched. */
async function matchFar(
  job: ColmapJob,
  settings: PoseSettings,
  { loopStride, overlap }: SequentialMatching,
  paths: ColmapPaths,
): Promise<Result<void, Failure>> {
  const pairs = loopPairs(job.names, loopStride, overlap);
  if (pairs.length === 0) return ok(undefined);
  await writePairs(paths.pairs, pairs);
  const ran = await runStep(job, {
    name: "matching of distant frames",
    commands: (hardware) => [matchPairs(job.dialect, settings, paths, hardware)],
    onEvent: () => undefined,
  });
  // These matches help but are optional: if they are needed, the model shows it.
  if (ran.ok && ran.value.exitCode !== 0) {
    job.context.log.warn({ tail: ran.value.tail.slice(-3) }, "matching distant frames failed");
  }
  return ran.ok ? ok(undefined) : ran;
}

function writePairs(file: string, pairs: readonly (readonly [string, string])[]): Promise<void> {
  return writeFile(file, pairs.map((pair) => `${pair.join(" ")}\n`).join(""));
}

const NO_MODEL = { model: null, registered: 0, fault: null } as const;

async function mapModel(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  features: number,
  report: Report,
): Promise<Result<PassOutcome, Failure>> {
  const before = PHASES.extract + PHASES.match;
  let most = 0;
  let connected = 0;
  const step: ColmapStep = {
    name: "mapping",
    commands: (hardware) => [mapCameras(job.dialect, plan(hardware.gpu), paths, hardware)],
    onEvent: (event) => {
      if (event.kind === "connected") connected = event.count;
      if (event.kind !== "registered" && event.kind !== "adjusting") return;
      if (event.kind === "registered") most = Math.max(most, Math.min(event.count, job.names.length));
      const message = `placing cameras: ${most} of ${job.names.length} frames`;
      report(before + (PHASES.map * most) / job.names.length, message);
    },
  };
  const ran = await runStep(job, step);
  if (!ran.ok) return ran;
  const best = await bestModel(job, paths.sparse);
  const lastWords = ran.value.tail.slice(-3).map(plainLine).join(" | ");
  const common = { features, connected, lastWords };
  if (best?.kind === "usable") {
    return ok({ ...common, model: best.dir, registered: best.registered, problem: null, fault: null });
  }
  if (best?.kind === "faulty") return ok({ ...NO_MODEL, ...common, problem: null, fault: best.fault });
  // A camera that only turns or stands still yields a model without points.
  const problem = best ? "no_initial_pair" : ran.value.problem;
  if (problem === "no_initial_pair" || problem === "no_matches")
    return ok({ ...NO_MODEL, ...common, problem });
  return err(await stepFailure(job, step.name, ran.value));
}

/** A model with fewer points per image holds together by chance. */
const MIN_POINTS_PER_IMAGE = 10;

type FoundModel =
  | { readonly kind: "usable"; readonly dir: string; readonly registered: number }
  | { readonly kind: "faulty"; readonly fault: ModelFault }
  | { readonly kind: "hollow" };

/**
 * The usable model with the most images, else what is wrong with one. COLMAP numbers its models in order of creation,
 * so the first one may be a small fragment.
 */
async function bestModel(job: ColmapJob, sparse: string): Promise<FoundModel | null> {
  const found: FoundModel[] = [];
  for (const name of (await readdir(sparse)).toSorted()) {
    const dir = join(sparse, name);
    const model = await readModel(dir);
    found.push(model.ok ? judgeModel(dir, model.value, job) : unreadable(model.error));
  }
  const usable = found.filter((model) => model.kind === "usable");
  return (
    usable.toSorted((a, b) => b.registered - a.registered)[0] ??
    found.find((model) => model.kind === "faulty") ??
    found[0] ??
    null
  );
}

function unreadable(detail: string): FoundModel {
  return { kind: "faulty", fault: { cause: "program", detail } };
}

function judgeModel(dir: string, model: ColmapModel, { sizes }: ColmapJob): FoundModel {
  const registered = model.images.length;
  const fault = modelFault(model, sizes);
  if (fault !== null) return { kind: "faulty", fault };
  if (registered === 0 || model.points.length < MIN_POINTS_PER_IMAGE * registered) return { kind: "hollow" };
  return { kind: "usable", dir, registered };
}
