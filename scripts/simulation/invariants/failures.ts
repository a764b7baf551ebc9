import type { FaultKind } from "../kernel/faults.ts";
import type { Finding, TryLimits } from "./jobs.ts";
import type { Observation } from "./observation.ts";

/** The codes that a job may fail with, and the faults that explain each. */
const EXPLAINED_BY: { readonly [code in string]?: readonly FaultKind[] } = {
  training_failed: ["stage_hopeless"],
  gpu_unavailable: ["stage_failed"],
  disk_full: ["disk_full"],
  upload_failed: ["complete_untrue"],
  workspace_damaged: ["agent_power_lost", "disk_lost"],
};

/** A job fails only because of its own stages; faults around it only cost time. */
export function failuresAreExplained(
  { jobs }: Observation,
  struck: readonly FaultKind[],
  { maxLostLeases }: TryLimits,
): Finding {
  for (const { id, status, error_code, lost_leases } of jobs.values()) {
    if (status !== "failed") continue;
    if (error_code === "agent_lost" && lost_leases === maxLostLeases) continue;
    const reasons = EXPLAINED_BY[error_code ?? ""] ?? [];
    if (!reasons.some((kind) => struck.includes(kind))) {
      return `job ${id.slice(0, 8)} failed with ${error_code}, which nothing explains`;
    }
  }
  return null;
}
