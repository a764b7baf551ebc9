import { RECEIVER_URL, receiverUrlOf, type SentWebhook } from "../actors/webhook-receiver.ts";
import type { Finding } from "./jobs.ts";
import type { Observation } from "./observation.ts";
import { IN_HAND_MS, jobEventOf } from "./webhooks.ts";

/** The API key that a run may revoke: nothing answers it, and nothing happens for it, once that is confirmed. */
export class RevokedKeyGetsNothing {
  readonly #key: { readonly id: string; readonly text: string };
  readonly #now: () => number;
  #revokedAt = Number.POSITIVE_INFINITY;

  /** @param now virtual milliseconds */
  constructor(key: { readonly id: string; readonly text: string }, now: () => number) {
    this.#key = key;
    this.#now = now;
  }

  get #isRevoked(): boolean {
    return this.#revokedAt < Number.POSITIVE_INFINITY;
  }

  /** Called when a request arrives; the returned function checks the answer's status. */
  onRequest(request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  }): (status: number) => Finding {
    const { method, url, headers } = request;
    const revokes = method === "DELETE" && url.endsWith(`/keys/${this.#key.id}`);
    const wasRevoked = this.#isRevoked;
    return (status) => {
      if (revokes && status === 200) this.#revokedAt = Math.min(this.#revokedAt, this.#now());
      const isAnswered = headers["x-api-key"] === this.#key.text && status < 400;
      return wasRevoked && isAnswered ? `${method} ${url} is answered with ${status}` : null;
    };
  }

  /** The notice that the watch has ended, because the key is revoked, tells nothing. */
  onWatcherFrame(frame: string, keyId: string | null): Finding {
    const { type, reason } = JSON.parse(frame) as { readonly type?: string; readonly reason?: string };
    if (!this.#isRevoked || keyId !== this.#key.id || (type === "end" && reason === "key_revoked"))
      return null;
    return `a watcher is sent ${frame.slice(0, 200)}`;
  }

  /** Its registered webhook, and the receiver of its jobs' events, get nothing. */
  onWebhook({ url, body }: SentWebhook, jobs: Observation["jobs"]): Finding {
    const event = jobEventOf(body);
    if (event === null) return null;
    const { type, data } = event;
    const isOfKey =
      url === receiverUrlOf("second key") ||
      (url === RECEIVER_URL && jobs.get(data.job_id)?.api_key_id === this.#key.id);
    const late = this.#now() - this.#revokedAt;
    return isOfKey && late > IN_HAND_MS ? `${type} is sent to ${url}, ${late} ms after the revocation` : null;
  }

  check(before: Observation, { jobs }: Observation): Finding {
    if (!this.#isRevoked) return null;
    for (const { id, api_key_id } of jobs.values()) {
      if (api_key_id === this.#key.id && !before.jobs.has(id)) return `job ${id.slice(0, 8)} was created`;
    }
    return null;
  }
}
