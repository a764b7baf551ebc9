import { fullJitterMs } from "@splatt/shared";
import type { AgentSocket } from "./agent-sockets.ts";
import type { DispatchContext } from "./dispatch-context.ts";

/** Assigns no job for a while to an agent that did not take one, or whose host cannot do it. */
export function coolDown(context: DispatchContext, socket: AgentSocket): void {
  const until = context.now() + context.timing.rejectBackoffMs;
  context.sockets.update(socket.ws, { cooldownUntil: until });
  context.alarm.remember(until);
}

/** When a job that was requeued `tries` times may be assigned again. */
export function retryTime(context: DispatchContext, tries: number): number {
  const window = { minMs: context.timing.retryMinMs, maxMs: context.timing.retryMaxMs };
  return Math.round(context.now() + fullJitterMs(tries, window, context.random));
}
