import type { DispatchContext } from "./dispatch-context.ts";
import type { Lease } from "./lease-table.ts";
import { recordPresence } from "./presence.ts";

/**
 * Starts the reconnect grace of agents that have no socket. It starts when that is first seen: sockets survive
 * hibernation, but not a restart, and a silent one may have been closed by any code.
 */
export function markLostAgents(context: DispatchContext): void {
  for (const lease of context.leases.all()) {
    if (lease.lostAt === null && context.sockets.of(lease.agentId) === null) markLost(context, lease);
  }
}

/** The agent's socket is gone: its jobs wait for it to come back. */
export async function onAgentGone(context: DispatchContext, agentId: string): Promise<void> {
  if (context.sockets.of(agentId) !== null) return;
  for (const lease of context.leases.ofAgent(agentId)) {
    if (lease.lostAt === null) markLost(context, lease);
  }
  await recordPresence(context, agentId);
}

function markLost(context: DispatchContext, lease: Lease): void {
  const now = context.now();
  context.leases.put({ ...lease, lostAt: now });
  context.alarm.wakeAt(now + context.timing.reconnectGraceMs);
}
