import { CLOSE } from "@splatt/shared";
import type { AgentSocket, AgentSockets } from "./agent-sockets.ts";
import type { DispatchTiming } from "./timing.ts";

/** What tells an agent's silence from the control plane's own outage. */
export interface SilenceContext {
  readonly sockets: AgentSockets;
  readonly timing: DispatchTiming;
  readonly now: () => number;
  readonly awakeSince: number;
}

/** Disconnects an agent whose heartbeat stopped: a half-open socket looks fine. @returns whether it did */
export function closeIfSilent(context: SilenceContext, socket: AgentSocket): boolean {
  const silentBefore = context.now() - context.timing.leaseMs;
  if (context.awakeSince >= silentBefore || context.sockets.wasActiveSince(socket, silentBefore))
    return false;
  context.sockets.close(socket.ws, CLOSE.silent, "no heartbeat");
  return true;
}

/** Disconnects all such agents, also those that would get no job. */
export function closeSilent(context: SilenceContext): void {
  for (const socket of context.sockets.open()) {
    if (socket.agent.hello === null) continue;
    closeIfSilent(context, socket);
  }
}
