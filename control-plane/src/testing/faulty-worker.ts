import { type EmbeddedEnv, embed, onLocalStore } from "../embedded/embed.ts";
import type { Env } from "../env.ts";
import worker, { Dispatcher as ShippedDispatcher, WebhookSender as ShippedWebhookSender } from "../index.ts";
import { faultyBytes, faultyD1, faultyR2, type Judge } from "./faulty-stores.ts";
import type { Verdict } from "./store-call.ts";

/**
 * The Worker, whole and unchanged, on stores that fail as a test wants them to. Only tests and benchmarks start it,
 * through `testing.main` of the embedded control plane.
 */

interface FaultyEnv extends Env {
  /** Asked before every call of a store what is to happen to it. */
  readonly JUDGE?: Fetcher;
  /** Instead of asking: every call of D1 takes so much longer. */
  readonly D1_DELAY_MS?: string;
}

export class Dispatcher extends ShippedDispatcher {
  constructor(ctx: DurableObjectState, env: FaultyEnv & EmbeddedEnv) {
    super(ctx, onFaultyStores(onLocalStore(env)));
  }
}

export class WebhookSender extends ShippedWebhookSender {
  constructor(ctx: DurableObjectState, env: FaultyEnv & EmbeddedEnv) {
    super(ctx, onFaultyStores(onLocalStore(env)));
  }
}

export default embed<FaultyEnv>({
  fetch: (request, env, ctx) => worker.fetch(request, onFaultyStores(env), ctx),
  scheduled: (controller, env) => worker.scheduled(controller, onFaultyStores(env)),
});

function onFaultyStores(env: FaultyEnv): Env {
  const judge = judgeOf(env);
  return {
    ...env,
    DB: faultyD1(env.DB, judge),
    BUCKET: faultyR2(env.BUCKET, judge),
    ...(env.OBJECT_BYTES !== undefined && { OBJECT_BYTES: faultyBytes(env.OBJECT_BYTES, judge) }),
  };
}

function judgeOf({ JUDGE, D1_DELAY_MS }: FaultyEnv): Judge {
  const delayMs = Number(D1_DELAY_MS ?? 0);
  if (JUDGE === undefined) return async ({ store }) => (store === "d1" ? { delayMs } : {});
  return async (call) => {
    const answer = await JUDGE.fetch("http://judge", { method: "POST", body: JSON.stringify(call) });
    return answer.json<Verdict>();
  };
}
