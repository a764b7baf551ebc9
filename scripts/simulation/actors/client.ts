import { JOB_EVENTS } from "@splatt/shared";
import { API_KEY, type ControlPlane, type HttpAnswer, ORIGIN } from "../fakes/control-plane.ts";
import { NetworkPath } from "../fakes/network-path.ts";
import { setTimeout as sleep } from "../fakes/timers-promises.ts";
import { SimProcess } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";
import type { Operation } from "../plan.ts";
import type { Identity } from "./simulated-host.ts";
import { Watcher } from "./watcher.ts";
import { RECEIVER_URL } from "./webhook-receiver.ts";

const TRIES = 3;
const VIDEO = Buffer.from(
  "a video of which nobody looks at the frames, but every byte has to arrive in its place",
);

/** A job as a client knows it: only from the API's replies. */
export interface KnownJob {
  readonly id: string;
  /** The client has requested its deletion, so it may or may not exist. */
  deletionAskedFor: boolean;
}

/** An API key beside the bootstrap key. */
export interface SecondKey {
  readonly id: string;
  readonly text: string;
}

/** A user of the API: carries out the plan's operations and remembers what the API confirmed. */
export class Client {
  readonly jobs: KnownJob[] = [];
  readonly watchers: Watcher[] = [];
  /** Called with each new watcher. */
  onWatcher: (watcher: Watcher) => void = () => undefined;
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #secondKey: SecondKey;
  readonly #process = new SimProcess("client");
  readonly #path = new NetworkPath();
  #busy = 0;

  constructor(world: World, controlPlane: ControlPlane, secondKey: SecondKey) {
    this.#world = world;
    this.#controlPlane = controlPlane;
    this.#secondKey = secondKey;
  }

  /** Whether all operations have finished. */
  get isIdle(): boolean {
    return this.#busy === 0;
  }

  do(operation: Operation, identities: readonly Identity[]): void {
    this.#busy += 1;
    this.#process.run(async () => {
      await this.#perform(operation, identities).finally(() => {
        this.#busy -= 1;
      });
    });
  }

  async #perform(operation: Operation, identities: readonly Identity[]): Promise<void> {
    if (operation.kind === "create") return this.#create(operation);
    if (operation.kind === "drain") {
      const agent = identities[operation.host];
      if (agent !== undefined) await this.#json("POST", `/agents/${agent.id}/drain`, { deadline_sec: 5 });
      return;
    }
    if (operation.kind === "delete agent") {
      const agent = identities[operation.host];
      if (agent !== undefined) await this.#json("DELETE", `/agents/${agent.id}`, null);
      return;
    }
    if (operation.kind === "list") {
      await this.#json("GET", "/jobs?limit=10", null);
      return;
    }
    if (operation.kind === "revoke key") {
      await this.#json("DELETE", `/keys/${this.#secondKey.id}`, null);
      return;
    }
    const job = this.jobs[operation.job % Math.max(1, this.jobs.length)];
    if (job === undefined) return;
    if (operation.kind === "watch") {
      const key = operation.watch.withKey ? this.#secondKey.text : API_KEY;
      const { watch } = operation;
      const watcher = new Watcher(this.#world, this.#controlPlane, this.#process, job.id, key, watch);
      this.watchers.push(watcher);
      this.onWatcher(watcher);
      watcher.start();
    } else if (operation.kind === "pin" || operation.kind === "unpin") {
      await this.#json(operation.kind === "pin" ? "POST" : "DELETE", `/jobs/${job.id}/pin`, null);
    } else if (operation.kind === "delete") {
      job.deletionAskedFor = true;
      await this.#json("DELETE", `/jobs/${job.id}`, null);
    } else if (operation.kind === "status") {
      await this.#json("GET", `/jobs/${job.id}/status`, null);
    } else if (operation.kind === "cancel") {
      await this.#json("POST", `/jobs/${job.id}/cancel`, null);
    } else {
      const key = this.#newKey();
      this.#learnOf(await this.#json("POST", `/jobs/${job.id}/retry`, { task_id: key }, key));
    }
  }

  async #create(operation: Extract<Operation, { kind: "create" }>): Promise<void> {
    const { engine, pool, priority } = operation;
    const source =
      operation.source === "url"
        ? { video_url: `https://example.com/${this.jobs.length}.mp4` }
        : await this.#upload();
    if (source === null) return;
    const key = this.#newKey();
    const callback = operation.callback ? { callback_url: RECEIVER_URL, callback_events: JOB_EVENTS } : {};
    const body = { task_id: key, filename: "v.mp4", engine, pool, priority, ...source, ...callback };
    const apiKey = operation.withKey ? this.#secondKey.text : API_KEY;
    this.#learnOf(await this.#json("POST", "/jobs", body, key, apiKey));
  }

  async #upload(): Promise<{ upload_id: string } | null> {
    const video = { filename: "v.mp4", size: VIDEO.length };
    const upload = await this.#json("POST", "/uploads", video, this.#newKey());
    if (upload === null) return null;
    const base = `/uploads/${String(upload.upload_id)}`;
    const partSize = Number(upload.part_size);
    for (let part = 1; (part - 1) * partSize < VIDEO.length; part += 1) {
      const bytes = VIDEO.subarray((part - 1) * partSize, part * partSize);
      if ((await this.#json("PUT", `${base}/parts/${part}`, bytes)) === null) return null;
    }
    const completed = await this.#json("POST", `${base}/complete`, {});
    return completed === null ? null : { upload_id: String(upload.upload_id) };
  }

  /** An idempotency key. It is also the `task_id` of the job that is created with it, so that D1 shows it. */
  #newKey(): string {
    return `key-${this.#world.ids.uuid()}`;
  }

  #learnOf(created: Record<string, unknown> | null): void {
    if (created !== null) this.jobs.push({ id: String(created.job_id), deletionAskedFor: false });
  }

  /** The JSON of a 200; null otherwise, after a few retries of transient errors. */
  async #json(
    method: string,
    path: string,
    body: unknown,
    key: string | null = null,
    apiKey = API_KEY,
  ): Promise<Record<string, unknown> | null> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#send(method, path, body, key, apiKey).catch(() => null);
      if (answer?.status === 200) return JSON.parse(answer.body.toString()) as Record<string, unknown>;
      if ((answer !== null && answer.status < 500) || tries === TRIES) return null;
      await sleep(this.#world.latency(100, 5000));
    }
  }

  #send(
    method: string,
    path: string,
    body: unknown,
    key: string | null,
    apiKey: string,
  ): Promise<HttpAnswer> {
    const bytes = body === null || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    return this.#controlPlane.fetch(this.#path, {
      method,
      url: `${ORIGIN}${path}`,
      headers: {
        "x-api-key": apiKey,
        "content-type": "application/json",
        ...(key === null ? {} : { "idempotency-key": key }),
        ...(bytes === null ? {} : { "content-length": String(bytes.length) }),
      },
      body: bytes,
    });
  }
}
