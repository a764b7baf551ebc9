import { fullJitterMs } from "@splatt/shared";
import type { DispatchContext } from "./dispatch-context.ts";

/** Assigns no job for a while to an agent that did not take one, or whose host cannot do it, even if it reconnects. */
export function coolDown(context: DispatchContext, agentId: string): void {
  const until = context.now() + context.timing.rejectBackoffMs;
  const socket = context.sockets.of(agentId);
  if (socket !== null) context.sockets.update(socket.ws, { cooldownUntil: until });
  context.cooldowns.set(agentId, until);
  context.alarm.remember(until);
}

/** Forgets the cooldowns that have passed. */
export function pruneCooldowns({ cooldowns, now }: DispatchContext): void {
  for (const [agentId, until] of cooldowns) if (until <= now()) cooldowns.delete(agentId);
}

/** When a job that was requeued `tries` times may be assigned again. */
export function retryTime(context: DispatchContext, tries: number): number {
  const window = { minMs: context.timing.retryMinMs, maxMs: context.timing.retryMaxMs };
  return Math.round(context.now() + fullJitterMs(tries, window, context.random));
}
