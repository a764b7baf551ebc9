import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { err, failure, ok, RESULT_FILES, type TrainReport } from "@splatt/shared";
import type { Engine, TrainedModel } from "../engines/engine.ts";
import { writeRgbPly } from "../splat/rgb-ply.ts";
import { readShPly } from "../splat/sh-ply.ts";
import type { Stage } from "./stage.ts";

export interface ExportInput {
  readonly datasetDir: string;
  readonly trainDir: string;
  readonly model: TrainedModel;
}

export interface ExportOutput {
  readonly report: TrainReport;
  /** In the stage's folder. */
  readonly files: readonly string[];
}

/**
 * Writes the result files. The engine gives the splat with spherical harmonics; everything else is made from
 * that file, the same way for every engine.
 */
export function createExportStage(engine: Engine): Stage<ExportInput, ExportOutput> {
  return {
    name: "export",
    token: "cpu",
    key: () => engine.name,
    async run({ datasetDir, trainDir, model }, context) {
      const splatFile = join(context.dir, "baked_splat_sh.ply");
      const exported = await engine.exportSplats(trainDir, model, splatFile, context);
      if (!exported.ok) return exported;
      context.report({ fraction: 0.6, message: "Exporting... colours" });
      const cloud = await readShPly(splatFile);
      if (!cloud.ok) return err(failure("export_failed", `The engine's ply cannot be read: ${cloud.error}`));
      if (cloud.value.count === 0)
        return err(failure("training_diverged", "No gaussian is left of the scene."));
      await writeRgbPly(join(context.dir, "baked_splat.ply"), cloud.value);
      await copyFile(join(datasetDir, "transforms.json"), join(context.dir, "transforms.json"));
      context.report({ fraction: 1, message: "Exported" });
      return ok({ report: exported.value, files: RESULT_FILES });
    },
  };
}
