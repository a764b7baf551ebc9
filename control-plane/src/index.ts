import { app } from "./app.ts";
import type { Env } from "./env.ts";
import { runScheduled } from "./maintenance/scheduled.ts";

export { Dispatcher } from "./dispatch/dispatcher.ts";
export { WebhookSender } from "./webhooks/webhook-sender.ts";

export default {
  fetch: app.fetch,
  scheduled: (_controller, env) => runScheduled(env),
} satisfies ExportedHandler<Env>;
