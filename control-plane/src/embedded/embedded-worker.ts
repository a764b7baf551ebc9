import worker, { Dispatcher as ShippedDispatcher, WebhookSender as ShippedWebhookSender } from "../index.ts";
import { type EmbeddedEnv, embed, onLocalStore } from "./embed.ts";

/** The main module of the embedded runtime: the Worker, whole and unchanged, on the launcher's object store. */

export class Dispatcher extends ShippedDispatcher {
  constructor(ctx: DurableObjectState, env: EmbeddedEnv) {
    super(ctx, onLocalStore(env));
  }
}

export class WebhookSender extends ShippedWebhookSender {
  constructor(ctx: DurableObjectState, env: EmbeddedEnv) {
    super(ctx, onLocalStore(env));
  }
}

export default embed(worker);
