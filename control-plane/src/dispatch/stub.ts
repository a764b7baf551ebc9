import type { Env } from "../env.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** The Dispatcher of a pool. A stub that threw is broken, so each call takes a new one. */
export function dispatcherOf(env: Env, pool: string): DurableObjectStub<Dispatcher> {
  return env.DISPATCHER.getByName(pool);
}
