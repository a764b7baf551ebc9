import type { DispatcherApi } from "./dispatch/dispatcher-api.ts";
import type { ObjectBytes } from "./storage/object-bytes.ts";
import type { StorageState } from "./storage/storage-state.ts";
import type { SendWebhook } from "./webhooks/send-webhook.ts";
import type { WebhookSenderApi } from "./webhooks/webhook-sender-api.ts";
import type { WorkerVariables } from "./worker-variables.ts";

/** The Worker's bindings, as wrangler.jsonc declares them and the embedded runtime provides them. */
export interface Env extends WorkerVariables {
  readonly DB: D1Database;
  /** Input videos and result files. */
  readonly BUCKET: R2Bucket;
  readonly DISPATCHER: DurableObjectNamespace<DispatcherApi>;
  /** The pages' static files. */
  readonly ASSETS?: Pick<Fetcher, "fetch">;
  readonly WEBHOOK_SENDER: DurableObjectNamespace<WebhookSenderApi>;
  /** The key of the public API; a secret. */
  readonly GPU_API_KEY?: string;
  /** Names the deployment in /health; set by `npm run deploy`. */
  readonly VERSION?: string;
  /** Which addresses videos may be fetched from, and webhooks sent to; as on the agents, see docs/agent.md. */
  readonly ALLOW_HOSTS?: string;
  readonly ALLOW_HTTP?: string;
  /** Overrides of dispatch/timing.ts as JSON, for tests and unusual networks. */
  readonly DISPATCH_TIMING?: string;
  /** Moves object bytes past the Worker; set by the embedded runtime only. */
  readonly OBJECT_BYTES?: ObjectBytes;
  /** Sends webhooks past the runtime, to public addresses only; set by the embedded runtime only. */
  readonly OUTBOUND_FETCH?: SendWebhook;
  /** What the disk under the stores allows; set by the embedded runtime only. */
  readonly STORAGE_STATE?: StorageState;
}
