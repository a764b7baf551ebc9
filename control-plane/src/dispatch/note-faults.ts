import type { AgentOffer } from "@splatt/shared";
import { eq } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { agents, type HostFault } from "../db/schema.ts";
import { log } from "../log.ts";
import type { AgentSocket } from "./agent-sockets.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { fenceOf } from "./held-lease.ts";
import { afterFailure, afterSuccess, quarantineText } from "./quarantine.ts";

/** A job failed at the agent: after too many in a row it gets no more. */
export async function noteFailure(
  context: DispatchContext,
  agentId: string,
  fault: HostFault,
): Promise<void> {
  const before = context.faults.of(agentId);
  const record = afterFailure(before, fault, context.timing.maxFaults);
  if (record === before) return;
  context.faults.put(agentId, record);
  if (record.quarantinedAt !== null) beginQuarantine(context, agentId, quarantineText(record.faults));
  await saveFaults(context);
}

/** The agent completed a job. */
export async function noteSuccess(context: DispatchContext, agentId: string): Promise<void> {
  const before = context.faults.of(agentId);
  if (before.faults.length === 0 || afterSuccess(before) === before) return;
  context.faults.clear(agentId);
  await saveFaults(context);
}

/**
 * The agent's owner has looked: its `doctor` passed.
 *
 * @returns whether it was quarantined; null when D1 does not answer, and the quarantine holds until it does
 */
export async function release(context: DispatchContext, agentId: string): Promise<boolean | null> {
  const { faults, quarantinedAt } = context.faults.of(agentId);
  if (faults.length === 0) return false;
  context.faults.clear(agentId);
  await saveFaults(context);
  if (context.faults.of(agentId).quarantinedAt !== null) return null;
  const socket = context.sockets.of(agentId);
  if (quarantinedAt !== null && socket !== null) {
    log("info", "agent released from quarantine", { agent: socket.agent.name });
    context.sockets.send(socket.ws, { type: "quarantine", reason: null });
  }
  return quarantinedAt !== null;
}

/** Writes to D1 what it does not show yet. What fails is written at the next tick. */
export async function saveFaults(context: DispatchContext): Promise<void> {
  for (const { agentId, change, record } of context.faults.unsaved()) {
    const columns =
      change === "clear"
        ? { faults: null, quarantinedAt: null }
        : { faults: record.faults, quarantinedAt: record.quarantinedAt };
    try {
      await withRetry(() => context.db.update(agents).set(columns).where(eq(agents.id, agentId)));
      context.faults.saved(agentId, change, record);
    } catch (error) {
      log("warn", "an agent's faults are not saved; it will be retried", { agent: agentId }, error);
    }
  }
}

/** Why the agent gets no jobs; null when it does. */
export function quarantineOf(context: DispatchContext, agentId: string): string | null {
  const { faults, quarantinedAt } = context.faults.of(agentId);
  return quarantinedAt === null ? null : quarantineText(faults);
}

/** What the agent offers as far as dispatch uses it: nothing while it is quarantined. */
export function usableOffer(context: DispatchContext, { agent }: AgentSocket): AgentOffer | null {
  if (agent.hello === null) return null;
  const reason = quarantineOf(context, agent.id);
  return reason === null ? agent.hello.offer : { ...agent.hello.offer, slots: 0, reason };
}

/** Jobs that the agent has begun may end there; it hands back the others, and nothing is counted for that. */
function beginQuarantine(context: DispatchContext, agentId: string, reason: string): void {
  const socket = context.sockets.of(agentId);
  log("warn", "agent quarantined", { agent: socket?.agent.name ?? agentId, reason });
  if (socket === null) return;
  context.sockets.send(socket.ws, { type: "quarantine", reason });
  for (const lease of context.leases.ofAgent(agentId)) {
    if (lease.state !== "held") continue;
    context.recalled.add(lease.jobId);
    context.sockets.send(socket.ws, {
      type: "job.recall",
      fence: fenceOf(lease),
      reason: "the agent is quarantined",
    });
  }
}
