import { type AgentOffer, FAILURES, type FailureCode, type GpuInfo } from "@splatt/shared";

/** The state that reduces an agent's capacity. */
export interface CapacityInputs {
  /** Why the owner paused the agent; null when it is not paused. */
  readonly paused: string | null;
  readonly stopping: boolean;
  /** Why the workspace's disk cannot take a job; null when it can. */
  readonly disk: FailureCode | null;
  /** The latest GPU readings. */
  readonly gpus: readonly GpuInfo[];
  /** UUIDs of the GPUs on which the agent itself trains. */
  readonly inUse: readonly string[];
  /** Bytes that must be free on a GPU before the agent takes a job for it. */
  readonly minFreeBytes: number;
}

/**
 * The agent's current capacity: what it was set up with, minus GPUs whose memory other programs use. It is zero while
 * the agent is paused or stopping, or its disk cannot take a job.
 */
export function currentCapacity(capacity: AgentOffer, inputs: CapacityInputs): AgentOffer {
  const { paused, stopping, disk, inUse, minFreeBytes } = inputs;
  const known = { ...capacity, gpus: [...inputs.gpus] };
  const nothing = (reason: string): AgentOffer => ({ ...known, slots: 0, parallel: 0, reason });
  if (capacity.slots === 0) return known;
  if (stopping) return nothing("The agent is stopping.");
  if (paused !== null) return nothing(paused);
  // Public, like every reason: the code's sentence, without the paths of the details.
  if (disk !== null) return nothing(`Takes no jobs: ${FAILURES[disk].sentence}`);
  if (capacity.default_engine === "builtin") return known;
  const crowded = inputs.gpus.filter(
    ({ uuid, memory_free }) => !inUse.includes(uuid) && memory_free !== null && memory_free < minFreeBytes,
  );
  if (crowded.length === 0) return known;
  if (crowded.length === inputs.gpus.length) {
    const needed = `${(minFreeBytes / 1024 ** 3).toFixed(1)} GiB`;
    return nothing(
      `Takes no jobs: other programs use the GPU, and less than ${needed} of its memory is free.`,
    );
  }
  return {
    ...known,
    slots: Math.max(1, capacity.slots - crowded.length),
    parallel: Math.max(1, (capacity.parallel ?? capacity.slots) - crowded.length),
    reason: `${capacity.reason} Other programs use ${crowded.length} of its ${inputs.gpus.length} GPUs.`,
  };
}

/** Whether to publish a change immediately rather than with the next reading. */
export function isSignificant(before: AgentOffer, after: AgentOffer): boolean {
  return (
    before.slots !== after.slots ||
    before.parallel !== after.parallel ||
    before.reason !== after.reason ||
    before.default_engine !== after.default_engine ||
    before.gpus.length !== after.gpus.length
  );
}
