import type { JobSpec } from "@splatt/shared";
import { log } from "../log.ts";
import { specOf } from "./claim.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { fenceOf } from "./held-lease.ts";
import type { Lease } from "./lease-table.ts";

/**
 * Sends a claimed job to its agent. One synchronous block: the output gate holds the frame back until the lease's row
 * is durable.
 *
 * @returns false when the lease is gone, or the agent has no socket or is quarantined
 */
export function deliver(context: DispatchContext, lease: Lease, spec: JobSpec): boolean {
  const current = context.leases.get(lease.jobId);
  const socket = context.sockets.of(lease.agentId);
  if (current?.leaseId !== lease.leaseId || socket === null) return false;
  if (context.faults.of(lease.agentId).quarantinedAt !== null) return false;
  const now = context.now();
  context.leases.put({ ...current, state: "sent", since: now, sends: current.sends + 1 });
  context.alarm.wakeAt(now + context.timing.acceptMs);
  context.sockets.send(socket.ws, { type: "job.assign", fence: fenceOf(lease), spec });
  context.jobChanged(lease.jobId);
  log("info", "job assigned", { job: lease.jobId, attempt: lease.attempt, agent: socket.agent.name });
  return true;
}

/** Sends an assignment again, or for the first time when its claim turned out to have succeeded. */
export async function sendAssignment(context: DispatchContext, lease: Lease): Promise<boolean> {
  const spec = await specOf(context, lease);
  return spec !== null && deliver(context, lease, spec);
}
