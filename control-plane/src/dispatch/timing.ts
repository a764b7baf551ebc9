import type { Intervals } from "@splatt/shared";
import { z } from "zod";

const Ms = z.int().positive();

/** Every interval and limit of dispatch. The defaults suit agents on home networks. */
export const DispatchTiming = z.object({
  /** How often an agent sends its heartbeat. The runtime answers it without waking the object. */
  heartbeatMs: Ms.default(15_000),
  /** A socket without a heartbeat for this long is dead, whatever its state says. */
  leaseMs: Ms.default(60_000),
  /** A socket without a hello for this long is closed. */
  helloMs: Ms.default(30_000),
  /** How long a job waits for its agent to reconnect. */
  reconnectGraceMs: Ms.default(150_000),
  /** How often an agent lists the jobs that it holds. */
  heldMs: Ms.default(60_000),
  /** An assignment that is not accepted within this time is sent once more, then the job is requeued. */
  acceptMs: Ms.default(5_000),
  /** An agent that rejected a job, or did not accept it, is assigned no job for this long. */
  rejectBackoffMs: Ms.default(30_000),
  /** How often an agent sends progress at most, and resends messages without an ack. */
  progressMs: Ms.default(2_000),
  resendMs: Ms.default(5_000),
  /** Progress is written to D1 when it has moved by this many points and this time has passed. */
  progressWritePoints: z.int().positive().default(2),
  progressWriteMs: Ms.default(5_000),
  /** A deadline that is overdue by more than this means that the control plane itself was down. */
  outageSlackMs: Ms.default(15_000),
  /** After this many failed attempts a job fails, even if the last failure is retryable. */
  maxFailures: z.int().positive().default(3),
  /** An agent at which jobs with this many inputs failed in a row, by no fault of theirs, is quarantined. */
  maxFaults: z.int().positive().default(3),
  /** After this many lost leases a job fails. */
  maxLostLeases: z.int().positive().default(10),
  /** How long a job that lost its agent waits for another before it fails. */
  lostWaitMs: Ms.default(7 * 24 * 3600 * 1000),
  retryMinMs: Ms.default(15_000),
  retryMaxMs: Ms.default(600_000),
});
export type DispatchTiming = z.infer<typeof DispatchTiming>;

/** @param overrides JSON of any of the fields above */
export function dispatchTiming(overrides: string | undefined): DispatchTiming {
  return DispatchTiming.parse(overrides === undefined || overrides === "" ? {} : JSON.parse(overrides));
}

/** The intervals in an agent's welcome. */
export function agentIntervals(timing: DispatchTiming): Intervals {
  return {
    heartbeat_ms: timing.heartbeatMs,
    lease_ms: timing.leaseMs,
    held_ms: timing.heldMs,
    progress_ms: timing.progressMs,
    resend_ms: timing.resendMs,
  };
}
