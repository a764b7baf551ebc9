import type { Intervals } from "@splatt/shared";
import { z } from "zod";

const Ms = z.int().positive();

/** Every clock and limit of dispatch in one place. The defaults suit agents on home networks. */
export const DispatchTiming = z.object({
  /** How often an agent sends its heartbeat, which the runtime answers without waking the object. */
  heartbeatMs: Ms.default(15_000),
  /** A socket without a heartbeat for this long is dead, whatever its state says. */
  leaseMs: Ms.default(60_000),
  /** How long the job of an agent whose socket is gone waits for it to come back. */
  reconnectGraceMs: Ms.default(150_000),
  /** How often an agent says which jobs it holds. */
  heldMs: Ms.default(60_000),
  /** An assignment not accepted within this time is sent once more, then given to somebody else. */
  acceptMs: Ms.default(5_000),
  /** An agent that did not accept, or rejected, gets no new job for this long. */
  rejectBackoffMs: Ms.default(30_000),
  /** How often an agent sends progress at the most, and resends what was not acked. */
  progressMs: Ms.default(2_000),
  resendMs: Ms.default(5_000),
  /** Progress is written to D1 when it moved by this many points and this time has passed. */
  progressWritePoints: z.int().positive().default(2),
  progressWriteMs: Ms.default(5_000),
  /** An alarm later than this after its time means that the control plane itself was away. */
  outageSlackMs: Ms.default(15_000),
  /** How often a job may fail, for reasons that another attempt may not meet, before it is given up. */
  maxFailures: z.int().positive().default(3),
  /** How often a job may lose its agent before it is given up. */
  maxLostLeases: z.int().positive().default(10),
  /** How long a job that lost its agent waits for anybody to run it before it is given up. */
  lostWaitMs: Ms.default(7 * 24 * 3600 * 1000),
  retryMinMs: Ms.default(15_000),
  retryMaxMs: Ms.default(600_000),
});
export type DispatchTiming = z.infer<typeof DispatchTiming>;

/** @param overrides JSON of any of the fields above */
export function dispatchTiming(overrides: string | undefined): DispatchTiming {
  return DispatchTiming.parse(overrides === undefined || overrides === "" ? {} : JSON.parse(overrides));
}

/** What an agent is told in its welcome. */
export function agentIntervals(timing: DispatchTiming): Intervals {
  return {
    heartbeat_ms: timing.heartbeatMs,
    lease_ms: timing.leaseMs,
    held_ms: timing.heldMs,
    progress_ms: timing.progressMs,
    resend_ms: timing.resendMs,
  };
}
