import { FAILURES, isSuspectFailure } from "@splatt/shared";
import type { HostFault } from "../db/schema.ts";

/** An agent's failures in a row, and since when it gets no jobs because of them. */
export interface FaultRecord {
  readonly faults: readonly HostFault[];
  readonly quarantinedAt: number | null;
}

export const NO_FAULTS: FaultRecord = { faults: [], quarantinedAt: null };

/**
 * The record after a job failed at the agent. Only failures that speak against the host count, and each input once: one
 * bad video says nothing about the box. A failure that the input explains changes nothing.
 *
 * @param limit how many inputs must fail in a row before the agent is quarantined
 */
export function afterFailure(record: FaultRecord, fault: HostFault, limit: number): FaultRecord {
  if (!isSuspectFailure(fault.code) || record.quarantinedAt !== null) return record;
  const faults = [...record.faults.filter(({ input }) => input !== fault.input), fault];
  return { faults, quarantinedAt: faults.length >= limit ? fault.at : null };
}

/** The record after the agent completed a job. Only its owner ends a quarantine. */
export function afterSuccess(record: FaultRecord): FaultRecord {
  return record.quarantinedAt === null ? NO_FAULTS : record;
}

/** Why the agent gets no jobs, and what to do, in sentences for its owner. */
export function quarantineText(faults: readonly Pick<HostFault, "code">[]): string {
  const last = faults.at(-1);
  const failure = last === undefined ? "" : ` Last: ${FAILURES[last.code].sentence}`;
  return `It takes no jobs: ${faults.length} jobs with different videos failed here in a row.${failure} Run splatt-agent doctor on the box; when it passes, the box takes jobs again.`;
}
