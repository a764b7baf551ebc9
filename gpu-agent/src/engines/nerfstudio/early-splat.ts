import { EARLY_SPLAT_FILE } from "../engine.ts";
import type { Snapshot } from "../snapshots.ts";
import { writeCheckpointPly } from "./checkpoint-ply.ts";
import { newestCheckpoint } from "./checkpoints.ts";
import type { Installation } from "./installation.ts";

/** The splat of the newest checkpoint after a step; null when there is none or the conversion fails. */
export async function earlySplat(
  installation: Installation | null,
  trainDir: string,
  after: number,
  signal: AbortSignal,
): Promise<Snapshot | null> {
  const checkpoint = await newestCheckpoint(trainDir, after);
  if (checkpoint === null || installation === null) return null;
  const run = { trainDir, checkpoint: checkpoint.file, ply: EARLY_SPLAT_FILE, signal };
  const isWritten = await writeCheckpointPly(installation, run);
  return isWritten ? { step: checkpoint.step, file: EARLY_SPLAT_FILE } : null;
}
