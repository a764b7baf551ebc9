import { CLOSE } from "@splatt/shared";
import type { DispatchContext } from "./dispatch-context.ts";
import type { Candidate } from "./placement.ts";

/** Agents that can be given jobs. One whose heartbeat stopped is disconnected and left out. */
export function candidates(context: DispatchContext): Candidate[] {
  const now = context.now();
  const silentBefore = now - context.timing.leaseMs;
  const loads = context.leases.countByAgent();
  const quarantined = context.faults.quarantined();
  return context.sockets.open().flatMap((socket) => {
    const { agent, ws } = socket;
    if (agent.hello === null) return [];
    if (context.awakeSince < silentBefore && !context.sockets.wasActiveSince(socket, silentBefore)) {
      context.sockets.close(ws, CLOSE.silent, "no heartbeat");
      return [];
    }
    if (agent.draining || agent.cooldownUntil > now || quarantined.has(agent.id)) return [];
    const { offer } = agent.hello;
    const load = loads.get(agent.id) ?? 0;
    return [{ agentId: agent.id, offer, load, freeSlots: Math.max(0, offer.slots - load) }];
  });
}
