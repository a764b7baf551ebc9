import { CLOSE } from "@splatt/shared";
import type { AgentSocket } from "./agent-sockets.ts";
import type { DispatchContext } from "./dispatch-context.ts";

/**
 * How many sockets of one agent may wait for their hello. More than one when an agent reconnects over a bad network.
 */
const MAX_PENDING = 4;

/** Bounds the sockets of an agent that have not sent hello: the oldest give way, and each has a deadline. */
export function admitPending(context: DispatchContext, agentId: string): void {
  const pending = context.sockets.allOf(agentId).filter(isPending);
  const oldestFirst = pending.toSorted((a, b) => a.agent.acceptedAt - b.agent.acceptedAt);
  for (const socket of oldestFirst.slice(0, -MAX_PENDING)) close(context, socket);
  context.alarm.wakeAt(context.now() + context.timing.helloMs);
}

/** Closes sockets whose hello is overdue, and arms the alarm for the others. */
export function closeOverduePending(context: DispatchContext): void {
  for (const socket of context.sockets.open().filter(isPending)) {
    const deadline = socket.agent.acceptedAt + context.timing.helloMs;
    if (deadline > context.now()) context.alarm.wakeAt(deadline);
    else if (!context.greeting.has(socket.ws)) close(context, socket);
  }
}

function isPending({ agent }: AgentSocket): boolean {
  return agent.hello === null;
}

function close(context: DispatchContext, { ws }: AgentSocket): void {
  context.sockets.close(ws, CLOSE.noHello, "no hello in time");
}
