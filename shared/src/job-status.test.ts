import { describe, expect, it } from "vitest";
import {
  ACTIVE_STATUSES,
  canTransition,
  isActive,
  isTerminal,
  JOB_STATUSES,
  statusesBefore,
  TERMINAL_STATUSES,
} from "./job-status.ts";

describe("the job state machine", () => {
  it("never leaves a terminal status", () => {
    for (const from of TERMINAL_STATUSES) {
      expect(isTerminal(from)).toBe(true);
      for (const to of JOB_STATUSES) expect(canTransition(from, to)).toBe(false);
    }
  });

  it("never goes back within an attempt", () => {
    for (const [index, from] of ACTIVE_STATUSES.entries()) {
      for (const to of ACTIVE_STATUSES.slice(0, index + 1)) expect(canTransition(from, to)).toBe(false);
      for (const to of ACTIVE_STATUSES.slice(index + 1)) expect(canTransition(from, to)).toBe(true);
    }
  });

  it("lets every job that has not ended fail, be cancelled, complete or go back into the queue", () => {
    for (const from of ["queued", ...ACTIVE_STATUSES] as const) {
      for (const to of ["failed", "cancelled", "completed", "queued"] as const) {
        expect(canTransition(from, to)).toBe(true);
      }
    }
  });

  it("reads the same backwards", () => {
    for (const to of JOB_STATUSES) {
      for (const from of JOB_STATUSES)
        expect(statusesBefore(to).includes(from)).toBe(canTransition(from, to));
    }
  });

  it("calls active what an agent works on", () => {
    expect(JOB_STATUSES.filter(isActive)).toEqual([...ACTIVE_STATUSES]);
  });
});
