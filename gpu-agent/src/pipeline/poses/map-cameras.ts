import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, ok, type Result } from "@splatt/shared";
import { type ColmapPaths, mapCameras } from "./colmap-commands.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { plainLine } from "./colmap-output.ts";
import { type ColmapJob, type ColmapStep, runStep, stepFailure } from "./colmap-step.ts";
import { withoutLooseImages } from "./loose-images.ts";
import { type ModelFault, modelFault } from "./model-check.ts";
import { readModel, writeModel } from "./model-files.ts";
import type { PassOutcome, PassPlan, PassReport, PlacedModel } from "./pass.ts";

/**
 * Solves the cameras from the matches in the database.
 *
 * @param input the folder of a model to extend; null begins a new one
 * @param features per image, for the outcome
 * @param report receives the completed share, 0–1
 * @returns an outcome without models when the matches yield none; `colmap_failed` when COLMAP breaks
 */
export async function placeCameras(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  input: string | null,
  features: number,
  report: PassReport,
): Promise<Result<PassOutcome, Failure>> {
  let most = 0;
  let connected = 0;
  // COLMAP writes an extended model into the folder itself, and new models into numbered folders within it.
  const extension = input === null ? {} : { input, sparse: join(paths.sparse, "0") };
  await rm(paths.sparse, { recursive: true, force: true });
  await mkdir(extension.sparse ?? paths.sparse, { recursive: true });
  const step: ColmapStep = {
    name: "mapping",
    commands: (hardware) => [
      mapCameras(job.dialect, plan(hardware.gpu), { ...paths, ...extension }, hardware),
    ],
    onEvent: (event) => {
      if (event.kind === "connected") connected = event.count;
      if (event.kind !== "registered" && event.kind !== "adjusting") return;
      if (event.kind === "registered") most = Math.max(most, Math.min(event.count, job.names.length));
      const message = `placing cameras: ${most} of ${job.names.length} frames`;
      report(most / job.names.length, message);
    },
  };
  const ran = await runStep(job, step);
  if (!ran.ok) return ran;
  const found = await foundModels(job, paths.sparse);
  const lastWords = ran.value.tail.slice(-3).map(plainLine).join(" | ");
  const common = { features, connected, lastWords };
  const models = found.filter((model) => model.kind === "usable").toSorted(bySize);
  if (models.length > 0) return ok({ ...common, models, problem: null, fault: null });
  const faulty = found.find((model) => model.kind === "faulty");
  if (faulty !== undefined) return ok({ ...common, models, problem: null, fault: faulty.fault });
  // A camera that only turns or stands still yields a model without points.
  const problem = found.length > 0 ? "no_initial_pair" : ran.value.problem;
  if (problem === "no_initial_pair" || problem === "no_matches")
    return ok({ ...common, models, problem, fault: null });
  return err(await stepFailure(job, step.name, ran.value));
}

/** A model with fewer points per image holds together by chance. */
const MIN_POINTS_PER_IMAGE = 10;

type FoundModel =
  | (PlacedModel & { readonly kind: "usable" })
  | { readonly kind: "faulty"; readonly fault: ModelFault }
  | { readonly kind: "hollow" };

/** COLMAP numbers its models in order of creation, so the first one may be a small fragment. */
function bySize(a: PlacedModel, b: PlacedModel): number {
  return b.names.length - a.names.length;
}

async function foundModels(job: ColmapJob, sparse: string): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const [index, dir] of (await modelFolders(sparse)).entries()) {
    const model = await readModel(dir);
    if (!model.ok) {
      found.push(unreadable(model.error));
      continue;
    }
    const held = withoutLooseImages(model.value);
    // COLMAP 4 has further files in a model's folder, which list all its images.
    const to = held === model.value ? dir : `${sparse}-held-${index}`;
    if (to !== dir) await writeModel(to, held);
    found.push(judgeModel(to, held, job));
  }
  return found;
}

/** The folders of models within `sparse`. pycolmap numbers an extended model, too, one level further down. */
async function modelFolders(sparse: string): Promise<string[]> {
  const folders: string[] = [];
  for (const name of (await readdir(sparse)).toSorted()) {
    const dir = join(sparse, name);
    const entries = await readdir(dir, { withFileTypes: true });
    const deeper = entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name));
    if (entries.some((entry) => entry.isFile())) folders.push(dir);
    else folders.push(...deeper.toSorted());
  }
  return folders;
}

function unreadable(detail: string): FoundModel {
  return { kind: "faulty", fault: { cause: "program", detail } };
}

function judgeModel(dir: string, model: ColmapModel, { sizes }: ColmapJob): FoundModel {
  const registered = model.images.length;
  const fault = modelFault(model, sizes);
  if (fault !== null) return { kind: "faulty", fault };
  if (registered === 0 || model.points.length < MIN_POINTS_PER_IMAGE * registered) return { kind: "hollow" };
  return { kind: "usable", dir, names: model.images.map(({ name }) => name), points: model.points.length };
}
