import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readShPly, writeRgbPly } from "@splatt/formats";
import { err, type Failure, failure, failureSentence, ok, RESULT_FILES, type Result } from "@splatt/shared";
import { z } from "zod";
import type { Engine, TrainedModel } from "../../engines/engine.ts";
import { splatPicture } from "../picture/splat-picture.ts";
import type { Stage, StageContext } from "../stage.ts";
import { convertSplat } from "./web-formats.ts";

export interface ExportInput {
  readonly datasetDir: string;
  readonly trainDir: string;
  readonly model: TrainedModel;
}

export interface ExportOutput {
  readonly report: TrainedModel["report"];
  /** In the stage's folder. */
  readonly files: readonly string[];
  /** What could not be made beside the files that every job has, and why. */
  readonly missing: readonly MissingExtra[];
}

export const MissingExtra = z.object({ filename: z.string(), reason: z.string() });
export type MissingExtra = z.infer<typeof MissingExtra>;

const SPLAT_FILE = "baked_splat_sh.ply";
const TRANSFORMS_FILE = "transforms.json";
/** The longer one, in pixels. */
const THUMBNAIL_SIDE = 640;

/**
 * Writes the result files. The engine gives the splat with spherical harmonics; everything else is made from
 * that file, the same way for every engine.
 *
 * @param hasGpu whether a GPU may help to compress
 */
export function createExportStage(engine: Engine, hasGpu: boolean): Stage<ExportInput, ExportOutput> {
  return {
    name: "export",
    token: "cpu",
    key: () => engine.name,
    async run({ datasetDir, trainDir, model }, context) {
      const splatFile = join(context.dir, SPLAT_FILE);
      const exported = await engine.exportSplats(trainDir, model, splatFile, context);
      if (!exported.ok) return exported;
      context.report({ fraction: 0.3, message: "Exporting... colours" });
      const cloud = await readShPly(splatFile);
      if (!cloud.ok) return err(failure("export_failed", `The engine's ply cannot be read: ${cloud.error}`));
      if (cloud.value.count === 0)
        return err(failure("training_diverged", "No gaussian is left of the scene."));
      await writeRgbPly(join(context.dir, "baked_splat.ply"), cloud.value);
      const own = model.transforms;
      const transforms = own === undefined ? join(datasetDir, TRANSFORMS_FILE) : join(trainDir, own);
      await copyFile(transforms, join(context.dir, TRANSFORMS_FILE));

      context.report({ fraction: 0.5, message: "Exporting... thumbnail and web formats" });
      const { made, missing } = await makeExtras(cloud.value.count, hasGpu, context);
      if (context.signal.aborted) return err(failure("agent_stopped", ""));
      context.report({ fraction: 1, message: "Exported" });
      return ok({ report: exported.value, files: [...RESULT_FILES, ...made], missing });
    },
  };
}

/** Makes what is good to have, side by side. What fails is left out and named: it never fails the job. */
async function makeExtras(
  gaussians: number,
  hasGpu: boolean,
  context: StageContext,
): Promise<{ made: string[]; missing: MissingExtra[] }> {
  const inDir = (name: string) => join(context.dir, name);
  const splatFile = inDir(SPLAT_FILE);
  const convert = (target: string) => convertSplat(splatFile, target, gaussians, hasGpu, context);
  const extras: Readonly<Record<string, (target: string) => Promise<Result<void, Failure>>>> = {
    "thumbnail.webp": async (target) => {
      const picture = await splatPicture(splatFile, inDir(TRANSFORMS_FILE), THUMBNAIL_SIDE, context.signal);
      return picture.ok ? ok(await writeFile(target, picture.value)) : picture;
    },
    "baked_splat.spz": convert,
    "baked_splat.sog": convert,
  };
  const outcomes = await Promise.all(
    Object.entries(extras).map(async ([filename, make]) => {
      const outcome = await make(inDir(filename));
      if (!outcome.ok) await rm(inDir(filename), { force: true });
      return { filename, outcome };
    }),
  );
  const made = outcomes.flatMap(({ filename, outcome }) => (outcome.ok ? [filename] : []));
  const missing = outcomes.flatMap(({ filename, outcome }) =>
    outcome.ok ? [] : [{ filename, reason: failureSentence(outcome.error) }],
  );
  for (const { filename, reason } of missing) context.log.warn(`export: no ${filename}: ${reason}`);
  return { made, missing };
}
