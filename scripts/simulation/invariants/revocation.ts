import type { Finding } from "./jobs.ts";
import type { Observation } from "./observation.ts";

/** The API key that a run may revoke: nothing answers it, and nothing happens for it, once that is confirmed. */
export class RevokedKeyGetsNothing {
  readonly #key: { readonly id: string; readonly text: string };
  #isRevoked = false;

  constructor(key: { readonly id: string; readonly text: string }) {
    this.#key = key;
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
      if (revokes && status === 200) this.#isRevoked = true;
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

  check(before: Observation, { jobs }: Observation): Finding {
    if (!this.#isRevoked) return null;
    for (const { id, api_key_id } of jobs.values()) {
      if (api_key_id === this.#key.id && !before.jobs.has(id)) return `job ${id.slice(0, 8)} was created`;
    }
    return null;
  }
}
