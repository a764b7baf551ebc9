import { isTerminal, JOB_EVENTS, type JobStatus, RESULT_FILES } from "@splatt/shared";
import { API_KEY, type ControlPlane, type HttpAnswer, ORIGIN } from "../fakes/control-plane.ts";
import { NetworkPath } from "../fakes/network-path.ts";
import { setTimeout as sleep } from "../fakes/timers-promises.ts";
import { SimProcess } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";
import type { Operation, SharePlan } from "../plan.ts";
import type { Identity } from "./simulated-host.ts";
import { Visitor } from "./visitor.ts";
import { Watcher } from "./watcher.ts";
import { RECEIVER_URL } from "./webhook-receiver.ts";

const TRIES = 3;
/** How many times a tus client resumes after an error. */
const TUS_TRIES = 10;
/** Of another size than the parts. */
const TUS_CHUNK_BYTES = 25;
/** How often a client asks whether a job can be shared yet. */
const SHARE_TRIES = 15;
/** What clients upload. */
export const VIDEO = Buffer.from(
  "the bytes of a video that is never decoded, but each must arrive in its place",
);

/** A job as a client knows it: only from the API's replies. */
export interface KnownJob {
  readonly id: string;
  /** The client has requested its deletion, so it may or may not exist. */
  deletionAskedFor: boolean;
}

/** A second API key, next to the bootstrap key. */
export interface SecondKey {
  readonly id: string;
  readonly text: string;
}

/** The part of a job's status that the invariants read. */
export interface PolledView {
  readonly version: number;
  readonly status: JobStatus;
  readonly progress: number;
}

/** A user of the API: carries out the plan's operations and remembers what the API confirmed. */
export class Client {
  readonly jobs: KnownJob[] = [];
  readonly watchers: Watcher[] = [];
  /** Called with each new watcher. */
  onWatcher: (watcher: Watcher) => void = () => undefined;
  /** Called with each new visitor of a link. */
  onVisitor: (visitor: Visitor) => void = () => undefined;
  /** Called with each answer to a long poll, after the version that the client had. */
  onPolled: (jobId: string, before: number, view: PolledView) => void = () => undefined;
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
    } else if (operation.kind === "wait") {
      await this.#poll(job.id, operation.seconds);
    } else if (operation.kind === "share") {
      await this.#share(job, operation.share);
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
        : operation.source === "upload"
          ? await this.#upload()
          : operation.source === "two uploads"
            ? await this.#uploadTwo()
            : await this.#uploadWithTus(operation.source === "tus twice");
    if (source === null) return;
    const key = this.#newKey();
    const callback = operation.callback ? { callback_url: RECEIVER_URL, callback_events: JOB_EVENTS } : {};
    const body = { task_id: key, filename: "v.mp4", engine, pool, priority, ...source, ...callback };
    const apiKey = operation.withKey ? this.#secondKey.text : API_KEY;
    this.#learnOf(await this.#json("POST", "/jobs", body, key, apiKey));
  }

  async #uploadTwo(): Promise<{ upload_ids: string[] } | null> {
    const [first, second] = [await this.#upload(), await this.#upload()];
    return first === null || second === null ? null : { upload_ids: [first.upload_id, second.upload_id] };
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

  /** Sends chunks; after an error it asks for the offset, and continues there. @param twice sends each of them twice */
  async #uploadWithTus(twice: boolean): Promise<{ upload_id: string } | null> {
    const path = await this.#createTusUpload();
    if (path === null) return null;
    let offset = 0;
    for (let tries = 0; tries < TUS_TRIES && offset < VIDEO.length; ) {
      const chunk = VIDEO.subarray(offset, offset + TUS_CHUNK_BYTES);
      const headers = {
        "upload-offset": String(offset),
        "content-type": "application/offset+octet-stream",
        "content-length": String(chunk.length),
      };
      if (twice) void this.#tus("PATCH", path, headers, chunk);
      const appended = await this.#tus("PATCH", path, headers, chunk);
      if (appended?.status === 204) {
        offset = Number(appended.headers["upload-offset"]);
        continue;
      }
      tries += 1;
      await sleep(this.#world.latency(500, 15_000));
      const state = await this.#tus("HEAD", path, {}, null);
      if (state?.status === 404) return null;
      if (state?.status === 200) offset = Number(state.headers["upload-offset"]);
    }
    return offset === VIDEO.length ? { upload_id: path.slice(path.lastIndexOf("/") + 1) } : null;
  }

  async #createTusUpload(): Promise<string | null> {
    const filename = Buffer.from("v.mp4").toString("base64");
    const headers = { "upload-length": String(VIDEO.length), "upload-metadata": `filename ${filename}` };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const created = await this.#tus("POST", "/uploads/tus", headers, null);
      if (created?.status === 201) return created.headers.location ?? null;
      await sleep(this.#world.latency(100, 5000));
    }
    return null;
  }

  #tus(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer | null,
  ): Promise<HttpAnswer | null> {
    const sent = { "x-api-key": API_KEY, "tus-resumable": "1.0.0", ...headers };
    const request = { method, url: `${ORIGIN}${path}`, headers: sent, body };
    return this.#controlPlane.fetch(this.#path, request).catch(() => null);
  }

  /** Asks for the status at its next change, until the job has ended. */
  async #poll(jobId: string, seconds: number): Promise<void> {
    for (let before = 0; ; ) {
      const view = await this.#json("GET", `/jobs/${jobId}/status?wait=${seconds}&after=${before}`, null);
      if (view === null) return;
      const polled = view as unknown as PolledView;
      this.onPolled(jobId, before, polled);
      if (isTerminal(polled.status)) return;
      before = polled.version;
    }
  }

  /** Makes a link once the job is completed; somebody visits it, and the link may end meanwhile. */
  async #share(job: KnownJob, { how, end, afterMs }: SharePlan): Promise<void> {
    const base = `/jobs/${job.id}`;
    const path = how === "share" ? `${base}/shares` : `${base}/results/${RESULT_FILES[0]}/link`;
    let made: Record<string, unknown> | null = null;
    for (let tries = 0; tries < SHARE_TRIES && made === null; tries += 1) {
      made = await this.#json("POST", path, {}, this.#newKey());
      if (made === null) await sleep(this.#world.latency(1000, 20_000));
    }
    if (made === null) return;
    const { pathname } = new URL(String(made.url));
    const visitor = new Visitor(this.#world, this.#controlPlane);
    this.onVisitor(visitor);
    const visits = visitor.visit(how === "share" ? `${pathname}/files/${RESULT_FILES[0]}` : pathname);
    await sleep(afterMs);
    if (end === "revoke" && how === "share") {
      await this.#json("DELETE", `/shares/${String(made.share_id)}`, null);
    } else if (end === "delete job") {
      job.deletionAskedFor = true;
      await this.#json("DELETE", base, null);
    }
    await visits;
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
