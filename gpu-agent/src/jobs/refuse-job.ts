import {
  type AgentOffer,
  type EngineChoice,
  engineFor,
  FAILURES,
  type Failure,
  type JobReject,
} from "@splatt/shared";

/** What the agent knows of itself when a job arrives. */
export interface Readiness {
  readonly capacity: AgentOffer;
  /** Whether the agent takes no new jobs because it is about to exit. */
  readonly isStopping: boolean;
  /** Slots of the capacity that jobs use. */
  readonly takenSlots: number;
  /** Why the workspace cannot take a job; null when it can. */
  readonly disk: Failure | null;
}

/** @returns why a job for this engine is refused, or null when the agent takes it */
export function refusalOf(
  engine: EngineChoice,
  { capacity, isStopping, takenSlots, disk }: Readiness,
): Pick<JobReject, "code" | "detail"> | null {
  if (isStopping) return { code: "draining", detail: capacity.reason };
  if (engineFor(engine, capacity) === null) return { code: "engine_unavailable", detail: capacity.reason };
  if (capacity.slots === 0) return { code: "no_free_slot", detail: capacity.reason };
  if (takenSlots >= capacity.slots) return { code: "no_free_slot", detail: "All slots are taken." };
  // The protocol has one code for every disk problem.
  if (disk !== null) return { code: "disk_full", detail: FAILURES[disk.code].sentence };
  return null;
}
