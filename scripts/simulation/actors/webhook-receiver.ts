import type { WebhookInit } from "../fakes/worker-interface.ts";
import type { Range } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { WebhookOwner } from "../plan.ts";

/** Where clients have their jobs' events sent. */
export const RECEIVER_URL = "https://example.com/events";

const USUAL_MS: Range = [2, 300];
/** Longer than the sender waits. */
const LATE_MS: Range = [16_000, 120_000];

/** Where the events of all jobs go, for a registered webhook. */
export function receiverUrlOf(owner: WebhookOwner): string {
  return `${RECEIVER_URL}/of-the-${owner.replace(" ", "-")}`;
}

/** A webhook as it was sent. */
export interface SentWebhook {
  readonly url: string;
  readonly id: string;
  readonly body: string;
}

/** Somebody's server, which gets webhooks; it fails, answers late or never, and its answers may be lost. */
export class WebhookReceiver {
  /** What it has confirmed, by id. */
  readonly confirmed = new Map<string, SentWebhook>();
  /** Called when an attempt leaves the sender. */
  onSent: (sent: SentWebhook) => void = () => undefined;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  readonly fetch = (url: string, { headers, body, signal }: WebhookInit): Promise<Response> => {
    const { faults } = this.#world;
    const sent = { url, id: headers["webhook-id"] ?? "", body };
    this.onSent(sent);
    const fails = faults.strikes("receiver_fails");
    const late = faults.strikes("receiver_late");
    const silent = faults.strikes("receiver_silent");
    const lostReply = faults.strikes("receiver_lost_reply");
    const timing = {
      outMs: this.#world.latency(...USUAL_MS),
      backMs: this.#world.latency(...(late ? LATE_MS : USUAL_MS)),
    };
    const answered = this.#world.call(`webhook to ${url}`, timing, () => {
      if (fails) return new Response(null, { status: 503 });
      if (lostReply) throw new Error("other side closed");
      // The sender gives up before this answer arrives, and repeats the webhook.
      if (!late && !silent) this.confirmed.set(sent.id, sent);
      return new Response(null, { status: 204 });
    });
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      answered.then(silent ? undefined : resolve, silent ? () => undefined : reject);
    });
  };
}
