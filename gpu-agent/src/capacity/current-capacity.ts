import { type AgentOffer, FAILURES, type FailureCode, type GpuInfo } from "@splatt/shared";
import { TAKES_NO_JOBS } from "../engines/choose.ts";

/** The state that reduces an agent's capacity. */
export interface CapacityInputs {
  /** Why the owner paused the agent; null when it is not paused. */
  readonly paused: string | null;
  readonly stopping: boolean;
  /** Why the workspace's disk cannot take a job; null when it can. */
  readonly disk: FailureCode | null;
  /** The latest GPU readings. */
  readonly gpus: readonly GpuInfo[];
  /** UUIDs of the GPUs that were there at start and are not found any more. */
  readonly missing: readonly string[];
  /** UUIDs of the GPUs on which the agent itself trains. */
  readonly inUse: readonly string[];
  /** Bytes that must be free on a GPU before the agent takes a job for it. */
  readonly minFreeBytes: number;
}

/**
 * The agent's current capacity: what it was set up with, minus GPUs that have disappeared or whose memory other
 * programs use. It is zero while the agent is paused or stopping, or its disk cannot take a job.
 */
export function currentCapacity(capacity: AgentOffer, inputs: CapacityInputs): AgentOffer {
  const { paused, stopping, disk, inUse, minFreeBytes } = inputs;
  const known = {
    ...capacity,
    ...{ takes_several_files: true, takes_scale_reference: true },
    gpus: [...inputs.gpus],
  };
  const nothing = (reason: string, problem: FailureCode | null = null): AgentOffer => ({
    ...known,
    slots: 0,
    parallel: 0,
    reason,
    problem,
  });
  if (capacity.slots === 0) return known;
  if (stopping) return nothing("The agent is stopping.");
  if (paused !== null) return nothing(paused);
  // Public, like every reason: the code's sentence, without the paths of the details.
  if (disk !== null) return nothing(`${TAKES_NO_JOBS}${FAILURES[disk].sentence}`, disk);
  if (capacity.default_engine === "builtin") return known;
  const gone = inputs.gpus.filter(({ uuid }) => inputs.missing.includes(uuid));
  if (gone.length > 0 && gone.length === inputs.gpus.length) {
    return nothing(`${TAKES_NO_JOBS}nvidia-smi does not find the GPU any more.`, "gpu_unavailable");
  }
  const crowded = inputs.gpus.filter(
    ({ uuid, memory_free }) =>
      !inUse.includes(uuid) &&
      !inputs.missing.includes(uuid) &&
      memory_free !== null &&
      memory_free < minFreeBytes,
  );
  if (crowded.length + gone.length === 0) return known;
  if (crowded.length + gone.length === inputs.gpus.length) {
    const needed = `${(minFreeBytes / 1024 ** 3).toFixed(1)} GiB`;
    return nothing(
      `${TAKES_NO_JOBS}other programs use the GPU, and less than ${needed} of its memory is free.`,
    );
  }
  const unusable = crowded.length + gone.length;
  const of = `of its ${inputs.gpus.length} GPUs`;
  const reasons = [
    capacity.reason,
    ...(crowded.length === 0 ? [] : [`Other programs use ${crowded.length} ${of}.`]),
    ...(gone.length === 0 ? [] : [`nvidia-smi does not find ${gone.length} ${of} any more.`]),
  ];
  return {
    ...known,
    slots: Math.max(1, capacity.slots - unusable),
    parallel: Math.max(1, (capacity.parallel ?? capacity.slots) - unusable),
    reason: reasons.join(" "),
    ...(gone.length > 0 && { problem: "gpu_unavailable" as const }),
  };
}

/** Whether to publish a change immediately rather than with the next reading. */
export function isSignificant(before: AgentOffer, after: AgentOffer): boolean {
  return (
    before.slots !== after.slots ||
    before.parallel !== after.parallel ||
    before.reason !== after.reason ||
    (before.problem ?? null) !== (after.problem ?? null) ||
    before.default_engine !== after.default_engine ||
    before.gpus.length !== after.gpus.length
  );
}
