import type { AgentOffer, GpuInfo } from "@splatt/shared";

/** What else decides what an agent offers at the moment. */
export interface CapacityInputs {
  /** Why its owner wants it to take no jobs; null when they do not. */
  readonly paused: string | null;
  readonly stopping: boolean;
  /** As they were just now. */
  readonly gpus: readonly GpuInfo[];
  /** UUIDs of those on which the agent itself trains. */
  readonly inUse: readonly string[];
  /** Bytes that must be free on a GPU before a job is taken for it. */
  readonly minFreeBytes: number;
}

/**
 * What the agent offers at the moment: what it was set up with, less the GPUs whose memory other programs have
 * taken, and nothing while it is paused or about to stop.
 */
export function currentCapacity(capacity: AgentOffer, inputs: CapacityInputs): AgentOffer {
  const { paused, stopping, inUse, minFreeBytes } = inputs;
  const known = { ...capacity, gpus: [...inputs.gpus] };
  const nothing = (reason: string): AgentOffer => ({ ...known, slots: 0, parallel: 0, reason });
  if (capacity.slots === 0) return known;
  if (stopping) return nothing("The agent is about to stop.");
  if (paused !== null) return nothing(paused);
  if (capacity.default_engine === "builtin") return known;
  const crowded = inputs.gpus.filter(
    ({ uuid, memory_free }) => !inUse.includes(uuid) && memory_free !== null && memory_free < minFreeBytes,
  );
  if (crowded.length === 0) return known;
  if (crowded.length === inputs.gpus.length) {
    const needed = `${(minFreeBytes / 1024 ** 3).toFixed(1)} GiB`;
    return nothing(
      `Takes no jobs: other programs use the GPU, and less than ${needed} of its memory are free.`,
    );
  }
  return {
    ...known,
    slots: Math.max(1, capacity.slots - crowded.length),
    parallel: Math.max(1, (capacity.parallel ?? capacity.slots) - crowded.length),
    reason: `${capacity.reason} Other programs use ${crowded.length} of its ${inputs.gpus.length} GPUs.`,
  };
}

/** Whether the control plane should hear of a change at once, rather than with the next reading. */
export function isSignificant(before: AgentOffer, after: AgentOffer): boolean {
  return (
    before.slots !== after.slots ||
    before.parallel !== after.parallel ||
    before.reason !== after.reason ||
    before.default_engine !== after.default_engine ||
    before.gpus.length !== after.gpus.length
  );
}
