import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  readSplatFile,
  type SplatCloud,
  type SplatFile,
  selectGaussians,
  usableGaussians,
  writeRgbPly,
  writeShPly,
} from "@splatt/formats";
import {
  COVERAGE_FILE,
  err,
  errorText,
  type Failure,
  FLY_THROUGH_FILE,
  failure,
  failureSentence,
  LOD_META_FILE,
  ok,
  RESULT_FILES,
  type Result,
} from "@splatt/shared";
import { z } from "zod";
import type { Engine, TrainedModel } from "../../engines/engine.ts";
import { splatPicture } from "../preview/splat-picture.ts";
import type { Stage, StageContext, StageResult } from "../stage.ts";
import { compareViews } from "./check/compare-views.ts";
import { doubtPsnr, showsScene, type ViewComparison } from "./check/doubt-psnr.ts";
import { judgeSplat } from "./check/judge-splat.ts";
import { type FilmTools, makeFlyThrough } from "./fly-through/fly-through.ts";
import { headerComments, renderModeOf } from "./header-comments.ts";
import { pruneSplat } from "./prune/prune-splat.ts";
import { convertSplat, convertToLodSet, type SplatToConvert, WebFormat } from "./web-formats.ts";
import { matrixOf, TO_WEB_FRAME, type UpAxis, upAxisOf, vectorOf, WEB_AXES } from "./web-frame.ts";

export interface ExportInput {
  readonly datasetDir: string;
  readonly trainDir: string;
  readonly model: TrainedModel;
  /** What the stages before have taken. */
  readonly jobSeconds?: number;
}

/** The axes and versions of the splat files in metrics.json. */
export const SplatFiles = z.object({
  /** The direction that is up in the PLYs and in transforms.json. */
  ply_up: z.string(),
  render_mode: z.string(),
  web: z.object({
    axes: z.string(),
    /** 4×4, by rows: p_web = from_ply · p_ply. */
    from_ply: z.array(z.array(z.number())),
    formats: z.record(z.string(), WebFormat),
  }),
});
export type SplatFiles = z.infer<typeof SplatFiles>;

export interface ExportOutput {
  readonly report: TrainedModel["report"];
  /** In the stage's folder. */
  readonly files: readonly string[];
  readonly splats: SplatFiles;
  /** How well renderings of the splat match the photos; null when the comparison failed. */
  readonly views: ViewComparison | null;
  /** The optional files that could not be made, and why. */
  readonly missing: readonly MissingExtra[];
}

export const MissingExtra = z.object({ filename: z.string(), reason: z.string() });
export type MissingExtra = z.infer<typeof MissingExtra>;

/** In the stage's folder while it runs: the engine's splat, unchanged. */
const ENGINE_SPLAT_FILE = "engine-splat.ply";
const SPLAT_FILE = "baked_splat_sh.ply";
const RGB_SPLAT_FILE = "baked_splat.ply";
const PHOTO_SHEET = "photos.webp";
const TRANSFORMS_FILE = "transforms.json";
/** Bump when the layout of the files changes, so that a retried job gets the current one. */
const LAYOUT = 7;
/** Gaussians from which a viewer shows the scene sooner when it loads coarser levels first. */
const LOD_FROM = 1_000_000;
/** The longer one, in pixels. */
const THUMBNAIL_SIDE = 640;

/**
 * Writes the result files. The engine exports a splat with spherical harmonics; the stage checks it and makes all files
 * from it, the same way for every engine.
 *
 * @param filmTools null to make no fly-through
 * @param lodFrom gaussians from which a streamed set with levels of detail is made
 *
 * Fails with `export_failed`, `training_diverged`, `agent_stopped`, or what the engine's export fails with.
 */
export function createExportStage(
  engine: Engine,
  filmTools: FilmTools | null = null,
  lodFrom: number = LOD_FROM,
): Stage<ExportInput, ExportOutput> {
  return {
    name: "export",
    token: "cpu",
    key: () => [engine.name, LAYOUT],
    async run({ datasetDir, trainDir, model, jobSeconds = 0 }, context) {
      const ownTransforms = model.transforms;
      const trainersFile = ownTransforms ?? model.refinedTransforms;
      const transformsFile =
        trainersFile === undefined ? join(datasetDir, TRANSFORMS_FILE) : join(trainDir, trainersFile);
      await copyFile(transformsFile, join(context.dir, TRANSFORMS_FILE));
      const transforms = await parsedJson(transformsFile);
      const up = upAxisOf(transforms);

      const exported = await exportSplat(engine, trainDir, model, transforms, context);
      if (!exported.ok) return exported;
      const { comments } = exported.value;
      const mode = renderModeOf(comments);
      const header = headerComments(mode, up);
      await writeShPly(join(context.dir, SPLAT_FILE), exported.value.cloud, header);
      context.report({ fraction: 0.2, message: "Exporting... floaters" });
      const { cloud, report } =
        ownTransforms === undefined ? await pruned(exported.value, datasetDir, context) : exported.value;
      context.report({ fraction: 0.3, message: "Exporting... result files" });
      if (cloud !== exported.value.cloud) await writeShPly(join(context.dir, SPLAT_FILE), cloud, header);
      await writeRgbPly(join(context.dir, RGB_SPLAT_FILE), cloud, header);

      context.report({ fraction: 0.5, message: "Exporting... thumbnail and web formats" });
      const extras = await makeExtras(cloud, up, lodFrom, context);
      context.report({ fraction: 0.9, message: "Exporting... comparison with the photos" });
      const views = ownTransforms === undefined ? await compare(datasetDir, report, context) : null;
      context.report({ fraction: 0.95, message: "Exporting... fly-through" });
      const film = await flyThrough(filmTools, cloud.count, up, jobSeconds, context);
      if (context.signal.aborted) return err(failure("agent_stopped", ""));
      context.report({ fraction: 1, message: "Exported" });
      const web = { axes: WEB_AXES, from_ply: matrixOf(TO_WEB_FRAME[up]), formats: extras.formats };
      return ok({
        report: views === null ? report : withDoubts(report, views),
        files: [
          ...RESULT_FILES,
          ...extras.made,
          ...(views === null ? [] : [views.sheet.file, COVERAGE_FILE]),
          ...film.made,
        ],
        splats: { ply_up: up, render_mode: mode, web },
        views,
        missing: [...extras.missing, ...film.missing],
      });
    },
  };
}

type CheckedSplat = SplatFile & { readonly report: TrainedModel["report"] };

/** Lets the engine export its splat, and checks what it wrote. */
async function exportSplat(
  engine: Engine,
  trainDir: string,
  model: TrainedModel,
  transforms: unknown,
  context: StageContext,
): Promise<StageResult<CheckedSplat>> {
  const file = join(context.dir, ENGINE_SPLAT_FILE);
  // A leftover of an interrupted export would hide that the engine wrote nothing.
  await rm(file, { force: true });
  const exported = await engine.exportSplats(trainDir, model, file, context);
  if (!exported.ok) return exported;
  const read = await readSplatFile(file);
  if (!read.ok) return err(failure("export_failed", `The engine's PLY cannot be read: ${read.error}.`));
  const inFile = read.value.cloud.count;
  const cloud = usableGaussians(read.value.cloud);
  const judged = judgeSplat({ cloud, inFile, trained: model.report.gaussians, transforms });
  if (!judged.ok) return judged;
  await rm(file, { force: true });
  for (const warning of judged.value) context.log.warn(`export: ${warning}`);
  const warnings = [...(exported.value.warnings ?? []), ...judged.value];
  const report = {
    ...exported.value,
    gaussians: cloud.count,
    sh_degree: cloud.shDegree,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return ok({ cloud, comments: read.value.comments, report });
}

/** The splat without floaters and far fog, where the held-out frames come out no worse. */
async function pruned(splat: CheckedSplat, photosDir: string, context: StageContext): Promise<CheckedSplat> {
  const { cloud, report } = splat;
  const task = {
    splatFile: join(context.dir, SPLAT_FILE),
    transformsFile: join(context.dir, TRANSFORMS_FILE),
    photosDir,
  };
  const found = await pruneSplat(task, context.signal);
  if (!found.ok) {
    context.log.warn(`export: not pruned: ${failureSentence(found.error)}`);
    return splat;
  }
  const { removed, before, after } = found.value;
  if (removed.length === 0) return splat;
  context.log.info({ removed: removed.length, before, after }, "export: removed floaters and fog");
  const gone = new Set(removed);
  const kept = Array.from({ length: cloud.count }, (_, i) => i).filter((i) => !gone.has(i));
  return {
    ...splat,
    cloud: selectGaussians(cloud, kept),
    report: { ...report, gaussians: kept.length, pruned_gaussians: removed.length },
  };
}

async function compare(
  photosDir: string,
  { width, exposure_spread }: TrainedModel["report"],
  context: StageContext,
): Promise<ViewComparison | null> {
  const task = {
    splatFile: join(context.dir, SPLAT_FILE),
    transformsFile: join(context.dir, TRANSFORMS_FILE),
    photosDir,
    trainedWidth: width,
    exposureVaries: exposure_spread !== undefined,
    sheetFile: join(context.dir, PHOTO_SHEET),
    coverageFile: join(context.dir, COVERAGE_FILE),
  };
  const compared = await compareViews(task, context.signal);
  if (compared.ok) return compared.value;
  context.log.warn(`export: not compared with the photos: ${failureSentence(compared.error)}`);
  return null;
}

function withDoubts(report: TrainedModel["report"], views: ViewComparison): TrainedModel["report"] {
  const doubt = doubtPsnr(report.psnr, views);
  const shows = showsScene(views)
    ? []
    : ["Rendered from the cameras of its photos, the splat shows nothing of them."];
  const warnings = [...(report.warnings ?? []), ...shows];
  return {
    ...report,
    ...(doubt === null ? {} : { psnr_doubt: doubt }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** Makes the optional files in parallel. One that cannot be made is omitted with a warning; the job does not fail. */
async function makeExtras(
  cloud: SplatCloud,
  up: UpAxis,
  lodFrom: number,
  context: StageContext,
): Promise<{ made: string[]; formats: Record<string, WebFormat>; missing: MissingExtra[] }> {
  const inDir = (name: string) => join(context.dir, name);
  const file = inDir(SPLAT_FILE);
  const splat: SplatToConvert = { file, cloud, rotation: TO_WEB_FRAME[up] };
  const formats: Record<string, WebFormat> = {};
  const convert = async (filename: string) => {
    const converted = await convertSplat(splat, inDir(filename), context);
    if (converted.ok) formats[filename] = converted.value;
    return converted.ok ? ok([filename]) : converted;
  };
  /** Returns the files made. */
  type Make = (filename: string) => Promise<Result<readonly string[], Failure>>;
  const extras: Readonly<Record<string, Make>> = {
    "thumbnail.webp": async (filename) => {
      const picture = await splatPicture(file, inDir(TRANSFORMS_FILE), THUMBNAIL_SIDE, context.signal);
      if (!picture.ok) return picture;
      await writeFile(inDir(filename), picture.value);
      return ok([filename]);
    },
    "baked_splat.spz": convert,
    "baked_splat.sog": convert,
    ...(cloud.count < lodFrom
      ? {}
      : {
          [LOD_META_FILE]: async (filename) => {
            const set = await convertToLodSet(splat, context.dir, context);
            if (!set.ok) return set;
            formats[filename] = set.value.format;
            return ok(set.value.files);
          },
        }),
  };
  const outcomes = await Promise.all(
    Object.entries(extras).map(async ([filename, make]) => {
      const outcome = await make(filename);
      if (!outcome.ok) await rm(inDir(filename), { force: true });
      return { filename, outcome };
    }),
  );
  const made = outcomes.flatMap(({ outcome }) => (outcome.ok ? outcome.value : []));
  const missing = outcomes.flatMap(({ filename, outcome }) =>
    outcome.ok ? [] : [{ filename, reason: failureSentence(outcome.error) }],
  );
  for (const { filename, reason } of missing) context.log.warn(`export: no ${filename}: ${reason}`);
  return { made, formats, missing };
}

/** Makes the fly-through, where there is time for it. It is made last, so that nothing else waits for it. */
async function flyThrough(
  tools: FilmTools | null,
  gaussians: number,
  up: UpAxis,
  jobSeconds: number,
  context: StageContext,
): Promise<{ made: string[]; missing: MissingExtra[] }> {
  if (tools === null) return { made: [], missing: [] };
  const file = join(context.dir, FLY_THROUGH_FILE);
  const request = {
    splatFile: join(context.dir, SPLAT_FILE),
    transformsFile: join(context.dir, TRANSFORMS_FILE),
    ...{ gaussians, up: vectorOf(up), jobSeconds, file },
  };
  const made = await makeFlyThrough(request, tools, context).catch((error) => err(errorText(error)));
  if (made.ok) return { made: [FLY_THROUGH_FILE], missing: [] };
  await rm(file, { force: true });
  context.log.info(`export: no ${FLY_THROUGH_FILE}: ${made.error}`);
  return { made: [], missing: [{ filename: FLY_THROUGH_FILE, reason: made.error }] };
}

/** Parses a JSON file; null when it is not JSON. */
async function parsedJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return null;
  }
}
