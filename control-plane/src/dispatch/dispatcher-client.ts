import type { Env } from "../env.ts";
import { log } from "../log.ts";
import type { DispatcherApi } from "./dispatcher-api.ts";

/** The Dispatcher of a pool. A stub that threw is broken, so each call takes a new one. */
export function dispatcherOf(env: Env, pool: string): DurableObjectStub<DispatcherApi> {
  return env.DISPATCHER.getByName(pool);
}

/**
 * Tells a Dispatcher of a change that D1 already has. A lost notification is only logged: the Dispatcher finds the
 * change at its next tick, or when the agent next connects.
 *
 * @param event what the log calls the change
 * @param subject the id of the job or agent that changed
 */
export async function notifyDispatcher(
  env: Env,
  pool: string,
  event: string,
  subject: string,
  notify: (dispatcher: DurableObjectStub<DispatcherApi>) => Promise<unknown>,
): Promise<void> {
  try {
    await notify(dispatcherOf(env, pool));
  } catch (error) {
    log("warn", "Dispatcher not notified", { change: event, id: subject, pool }, error);
  }
}
