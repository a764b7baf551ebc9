import { CLOSE } from "@splatt/shared";
import { log } from "../log.ts";
import { onAgentGone } from "./agent-gone.ts";
import { coolDown } from "./backoff.ts";
import { claimSucceeded } from "./claim.ts";
import { sendAssignment } from "./deliver.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { leaseDeadline } from "./lease-deadline.ts";
import type { Lease } from "./lease-table.ts";
import { loseLease, returnUnaccepted } from "./lose-lease.ts";

/** Acts on every lease whose deadline has passed, and arms the alarm for the next one. */
export async function checkLeases(context: DispatchContext): Promise<void> {
  for (const lease of context.leases.all()) {
    if (deadlineOf(context, lease) <= context.now()) await onDeadline(context, lease);
  }
  for (const lease of context.leases.all()) context.alarm.wakeAt(deadlineOf(context, lease));
}

/** Whether a deadline was missed by so much that the control plane itself must have been away. */
export function wasAway(context: DispatchContext): boolean {
  const now = context.now();
  return context.leases
    .all()
    .some((lease) => now - deadlineOf(context, lease) > context.timing.outageSlackMs);
}

function deadlineOf(context: DispatchContext, lease: Lease): number {
  const socket = context.sockets.of(lease.agentId);
  const lastActivity = socket === null ? null : context.sockets.lastActivity(socket);
  return leaseDeadline(lease, lastActivity, context.awakeSince, context.timing);
}

async function onDeadline(context: DispatchContext, lease: Lease): Promise<void> {
  try {
    if (lease.state === "claiming") {
      if (await claimSucceeded(context, lease)) await onNotAccepted(context, lease);
      else context.leases.remove(lease);
    } else if (lease.state === "sent") {
      await onNotAccepted(context, lease);
    } else {
      await onSilence(context, lease);
    }
  } catch (error) {
    // D1 failed: the row stays, and the next alarm retries.
    log("warn", "lease deadline not handled; it will be retried", { job: lease.jobId }, error);
    context.alarm.wakeAt(context.now() + context.timing.acceptMs);
  }
}

async function onNotAccepted(context: DispatchContext, lease: Lease): Promise<void> {
  if (lease.sends < 2 && (await sendAssignment(context, lease))) return;
  coolDown(context, lease.agentId);
  await returnUnaccepted(context, lease, "Waiting: the agent did not accept the job in time.");
}

async function onSilence(context: DispatchContext, lease: Lease): Promise<void> {
  const socket = context.sockets.of(lease.agentId);
  if (socket === null) {
    await loseLease(context, lease, "The agent disconnected.");
    return;
  }
  // A half-open socket looks fine although its agent is gone. The reconnect grace begins now.
  context.sockets.close(socket.ws, CLOSE.silent, "no heartbeat");
  await onAgentGone(context, lease.agentId);
}
