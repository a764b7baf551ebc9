import type { Env } from "../env.ts";
import { log } from "../log.ts";

/** Has receivers told at once. A lost call only delays: the scheduled handler finds what is due. */
export async function wakeSenders(
  env: Pick<Env, "WEBHOOK_SENDER">,
  receivers: readonly string[],
): Promise<void> {
  const calls = receivers.map((receiver) => env.WEBHOOK_SENDER.getByName(receiver).wake());
  for (const outcome of await Promise.allSettled(calls)) {
    if (outcome.status === "rejected") log("warn", "webhook sender not woken", {}, outcome.reason);
  }
}
